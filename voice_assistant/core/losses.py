"""What the loss of a link means: to be tried again, or the end of the session with its reason.

A refusal stays one. A provider that was never there is a wrong address, and nobody wants to wait for it. In
between lies the session that is cut in its first moments, as by a proxy whose own upstream hangs up: that may
pass, so it is tried again for a while, longer where nobody has given a reason for it.
"""

from __future__ import annotations

from voice_assistant.core.events import LinkLost
from voice_assistant.errors import AuthError, HandshakeError, VoiceAssistantError

NO_RETRY_CODES = (1007, 1008)
NO_RETRY_STATUSES = (401, 403)
"""What is refused for what it is, will be refused again."""

UNEXPLAINED_S = 60.0
"""A first session that does not live is tried for so long where the line just drops: a proxy that is started
again takes up to half of that."""

EXPLAINED_S = 8.0
"""And for so long where the provider says what is wrong with it."""

ORDINARY_CODES = (1000, 1001, 1006)
"""Close codes that say nothing of a reason."""


class Losses:
    """Judges one loss after the other."""

    def __init__(self) -> None:
        self.was_live = False
        """Has any session shown that it lives? Then a loss is an outage, however long it takes."""
        self._failing_since: float | None = None

    @property
    def is_early(self) -> bool:
        """Is it a first session that has been lost, and none that lived?"""
        return not self.was_live and self._failing_since is not None

    def is_final(
        self, lost: LinkLost, error: VoiceAssistantError, *, had_session: bool, reported: str
    ) -> bool:
        """Take a loss; say whether the session ends with it.

        Args:
            lost: How it went.
            error: What is said of it.
            had_session: There was a session on this link.
            reported: The last error that the provider reported on it; empty where there was none.
        """
        if is_refused(lost, error):
            return True
        if self.was_live:
            return False
        if self._failing_since is None:
            if not had_session:
                return True
            self._failing_since = lost.at
        is_explained = bool(reported) or (lost.opened and lost.code not in ORDINARY_CODES)
        return lost.at - self._failing_since >= (EXPLAINED_S if is_explained else UNEXPLAINED_S)


def is_refused(lost: LinkLost, error: VoiceAssistantError) -> bool:
    """Say whether no new link can mend it: a key, a model or a set-up was refused."""
    refused = lost.code in NO_RETRY_CODES or lost.status in NO_RETRY_STATUSES
    return refused or isinstance(error, AuthError | HandshakeError)
