"""Datagrams of some addresses are dropped by the kernel, before they take room in a socket's buffer.

A classic BPF program on the socket itself (SO_ATTACH_FILTER, Linux), for which no rights are needed. It reads the
sender from the IP header and passes what it does not know:

    version 4: source in the list -> drop
    version 6: first 64 bits of the source in the list -> drop
    everything else -> pass
"""

import ipaddress
import socket
import struct
from array import array
from collections.abc import Iterable

from dvic_hub.domain.datagrams import MAX_FLOODS

SO_ATTACH_FILTER = 26

_NETWORK = 0xFFF00000
"""SKF_NET_OFF: offsets from here count from the IP header."""

_LOAD_WORD, _LOAD_BYTE, _SHIFT_RIGHT, _EQUAL, _RETURN = 0x20, 0x30, 0x74, 0x15, 0x06
_PASS = 0xFFFFFFFF

Instruction = tuple[int, int, int, int]
"""Code, jump if true, jump if false, operand."""


def program(networks: Iterable[str]) -> list[Instruction]:
    """The filter that drops what comes from these IPv4 addresses and IPv6 /64 networks. Pure; raises ValueError for
    more than MAX_FLOODS, which its jumps (8 bits) could not pass."""
    parsed = [ipaddress.ip_network(text, strict=False) for text in networks]
    if len(parsed) > MAX_FLOODS:
        raise ValueError(f"at most {MAX_FLOODS} addresses")
    four = [int(net.network_address) for net in parsed if net.version == 4]
    six = [int(net.network_address) >> 64 for net in parsed if net.version == 6]
    for_six: list[Instruction] = []
    for prefix in six:
        for_six += [(_LOAD_WORD, 0, 0, _NETWORK + 8), (_EQUAL, 0, 3, prefix >> 32),
                    (_LOAD_WORD, 0, 0, _NETWORK + 12), (_EQUAL, 0, 1, prefix & 0xFFFFFFFF), (_RETURN, 0, 0, 0)]
    for_four: list[Instruction] = [(_LOAD_WORD, 0, 0, _NETWORK + 12)]
    for address in four:
        for_four += [(_EQUAL, 0, 1, address), (_RETURN, 0, 0, 0)]
    passing: list[Instruction] = [(_RETURN, 0, 0, _PASS)]
    return [(_LOAD_BYTE, 0, 0, _NETWORK), (_SHIFT_RIGHT, 0, 0, 4), (_EQUAL, 0, len(for_four) + 1, 4),
            *for_four, *passing, *for_six, *passing]


def drop(opened: socket.socket, networks: Iterable[str]) -> None:
    """Drop what comes from these from now on, and from no others. Raises OSError where the kernel will not."""
    wanted = program(networks)
    code = array("B", b"".join(struct.pack("=HBBI", *one) for one in wanted))
    place, _ = code.buffer_info()  # the kernel copies it within the call
    opened.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, struct.pack("@HP", len(wanted), place))
