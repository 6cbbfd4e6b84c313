"""The process that hands packets on between hosts: ``python -m partitioning.switch SEED``.

It is told on its standard input, a JSON object a line, which host to connect and what the weather is, and answers each
line with ``ok`` or the reason why not. It ends with its input; the links, TUN devices of its own, go with it.
"""

import ctypes
import fcntl
import json
import os
import random
import selectors
import socket
import struct
import sys
import time
from typing import Any

from partitioning.weather import FAIR, Sky, Weather

LINK = "link0"
_NETNS = "/run/netns"
_CLONE_NEWNET = 0x40000000
_TUNSETIFF, _IFF_TUN, _IFF_NO_PI = 0x400454CA, 0x0001, 0x1000
_SNAPLEN, _BURST = 65_536, 64
_IPV4 = 4
_libc = ctypes.CDLL(None, use_errno=True)


def enter(namespace: str) -> None:
    """Let this thread, and those that it starts from now on, be on that host."""
    with open(f"{_NETNS}/{namespace}", "rb") as file:  # noqa: PTH123 - its number is what is asked for
        _enter(file.fileno())


def _enter(namespace: int) -> None:
    if _libc.setns(namespace, _CLONE_NEWNET):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def _tun(namespace: str) -> int:
    """The other end of a new link of a host; whoever kills what runs there must not find us."""
    with open("/proc/thread-self/ns/net", "rb") as home:  # noqa: PTH123 - as above
        enter(namespace)
        try:
            device = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
            fcntl.ioctl(device, _TUNSETIFF, struct.pack("16sH22x", LINK.encode(), _IFF_TUN | _IFF_NO_PI))
        finally:
            _enter(home.fileno())
    return device


class Switch:
    """All hosts by their addresses, and the weather between any two of them."""

    def __init__(self, chance: random.Random) -> None:
        self._sky = Sky(chance)
        self._devices: dict[str, int] = {}
        self._weather: dict[tuple[str, str], Weather] = {}
        self._selector = selectors.DefaultSelector()
        self._selector.register(sys.stdin.fileno(), selectors.EVENT_READ)
        self._said = b""

    def run(self) -> None:
        """Until nobody is there to tell anything any more."""
        while True:
            next_at = self._sky.next_at()
            for key, _ in self._selector.select(None if next_at is None else max(0.0, next_at - time.monotonic())):
                if key.fd != sys.stdin.fileno():
                    self._receive(key.fd)
                elif not self._listen():
                    return
            for receiver, packet in self._sky.arrived(time.monotonic()):
                self._deliver(receiver, packet)

    def _receive(self, device: int) -> None:
        for _ in range(_BURST):
            try:
                packet = os.read(device, _SNAPLEN)
            except BlockingIOError:
                return
            except OSError:  # the link is down
                return
            if packet[0] >> 4 != _IPV4:
                continue
            sender, receiver = socket.inet_ntoa(packet[12:16]), socket.inet_ntoa(packet[16:20])
            weather = self._weather.get((sender, receiver), FAIR)
            self._sky.send(sender, receiver, packet, weather, time.monotonic())

    def _deliver(self, receiver: str, packet: bytes) -> None:
        device = self._devices.get(receiver)
        if device is not None:
            try:
                os.write(device, packet)
            except OSError:
                return  # the link is down, or has no room: packets are lost so

    def _listen(self) -> bool:
        said = os.read(sys.stdin.fileno(), 65_536)
        *lines, self._said = (self._said + said).split(b"\n")
        for line in lines:
            try:
                self._obey(json.loads(line))
            except OSError as error:
                print(error, flush=True)
            else:
                print("ok", flush=True)
        return bool(said)

    def _obey(self, order: dict[str, Any]) -> None:
        match order:
            case {"connect": address, "namespace": namespace}:
                device = self._devices[address] = _tun(namespace)
                self._selector.register(device, selectors.EVENT_READ)
            case {"disconnect": address}:
                device = self._devices.pop(address)
                self._selector.unregister(device)
                os.close(device)
            case {"weather": pairs}:
                self._weather = {(sender, receiver): Weather(**weather) for sender, receiver, weather in pairs}


if __name__ == "__main__":
    Switch(random.Random(int(sys.argv[1]))).run()
