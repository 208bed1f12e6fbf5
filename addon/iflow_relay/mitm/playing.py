"""A recorded answer, played: each piece goes out when it is due, as if an upstream had sent it."""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass, field

from mitmproxy.flow import Error
from mitmproxy.proxy import commands, events
from mitmproxy.proxy.layers.http import (
    DropStream,
    ErrorCode,
    HttpErrorHook,
    ResponseProtocolError,
    SendHttp,
)

from ..recording.schedule import Due
from .answering import AnsweringStream, Commands

BROKE = "The recorded answer broke off here."


@dataclass(slots=True)
class Player:
    """What `flow.response.stream` holds where the answer is to be played."""

    left: deque[Due]
    """What has not gone out yet; at least one piece, with which the head goes."""
    broke: bool
    """Whether the connection broke at the end."""
    begun: float = field(default_factory=time.monotonic)


class PlayingStream(AnsweringStream):
    """A stream whose answer may be a recorded one."""

    _player: Player

    def _send_own_answer(self) -> Commands:
        """Send the answer that the request hook has set: play it, or send it as a whole."""
        assert self.flow.response
        player: object = self.flow.response.stream
        if not isinstance(player, Player):
            yield from self._send_whole_answer()
            return
        self._player = player
        # On this stream alone: no other has to look for events that it never gets.
        self._handle_event = self._state_play
        yield from self._play_on()

    def _state_play(self, event: events.Event) -> Commands:
        if not isinstance(event, events.Wakeup):
            yield from super()._handle_event(event)
        elif not self.settled:
            yield from self._play_on()

    def _play_on(self) -> Commands:
        """Send what is due, and come again for the rest."""
        player = self._player
        while player.left:
            delay = player.left[0].at - (time.monotonic() - player.begun)
            if delay > 0:
                yield commands.RequestWakeup(delay)
                return
            data = player.left.popleft().data
            if not self.head_sent:
                yield from self._send_head()
            if data:
                yield from self._send_data(data)
        if player.broke:
            yield from self._break_off(BROKE)
        else:
            yield from self._end()

    def _break_off(self, message: str) -> Commands:
        """End an answer that has begun where its client can see that it is not whole."""
        self._close_answer()
        self.flow.error = Error(message)
        yield from self.hook(HttpErrorHook)
        self.flow.live = False
        yield DropStream(self.stream_id)
        yield SendHttp(
            ResponseProtocolError(self.stream_id, message, ErrorCode.KILL), self.context.client
        )
