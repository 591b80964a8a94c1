"""What a person sees and touches: the screen and the keys. They carry; they decide nothing."""
