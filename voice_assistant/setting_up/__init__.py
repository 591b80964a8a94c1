"""Setting the program up by questions: who answers, with which key, on which devices; and trying them."""
