"""An acquirer's host made of pyiso8583, psec and a socket: the whole list against a running server, one line a step.

Standard input has one JSON object that says where the server is, what is spoken and which cards there are.
"""

import datetime
import json
import socket
import sys

import iso8583
import psec
from cryptography.hazmat.primitives.keywrap import aes_key_unwrap

from peer import cmac, message_spec, to_ours, to_theirs

TPDU = bytes.fromhex("6000031234")
TURNED = bytes.fromhex("6012340003")
SECONDS_MAX = 30


class Failed(Exception):
    pass


def check(what, found, expected):
    if found != expected:
        raise Failed(f"{what}: {found!r}, expected {expected!r}")


class Host:
    def __init__(self, config):
        self.config = config
        self.dialect = config["dialect"]
        self.version = self.dialect["version"]
        self.spec = message_spec(self.dialect)
        self.formats = {str(field["number"]): field for field in self.dialect["fields"]}
        self.socket = socket.create_connection((config["host"], config["port"]), timeout=SECONDS_MAX)
        self.held = b""
        self.stan = 0
        self.pin_key = None
        self.mac_key = None

    # --- bytes

    def framed(self, data):
        framing = self.config["framing"]
        if framing == "binary2-tpdu":
            data = TPDU + data
        prefix = b"%04d" % len(data) if framing == "ascii4" else len(data).to_bytes(2, "big")
        return prefix + data

    def take(self, count):
        while len(self.held) < count:
            chunk = self.socket.recv(65536)
            if not chunk:
                raise Failed("the connection ended")
            self.held += chunk
        data, self.held = self.held[:count], self.held[count:]
        return data

    def receive(self):
        framing = self.config["framing"]
        if framing == "ascii4":
            data = self.take(int(self.take(4)))
        else:
            data = self.take(int.from_bytes(self.take(2), "big"))
        if framing == "binary2-tpdu":
            check("the TPDU of an answer", data[:5], TURNED)
            data = data[5:]
        decoded, _ = iso8583.decode(data, self.spec)
        fields = {int(n): to_ours(self.formats[n], v) for n, v in decoded.items() if n in self.formats}
        # The answer to a logon is under the keys that it brings, that to a key change under those before.
        if 48 in fields and self.mac_key is None:
            self.take_keys(fields[48])
        if self.mac_key is not None:
            field = 128 if max(fields) > 64 else 64
            check("the MAC of an answer", fields.get(field), self.mac(data[:-8]).hex())
        if 48 in fields:
            self.take_keys(fields[48])
        return decoded["t"], fields

    def mac(self, data):
        if self.config["mac"] == "cmac":
            return cmac(self.mac_key, data)[:8]
        return psec.mac.generate_retail_mac(self.mac_key[:8], self.mac_key[8:], data, 1)

    def pack(self, mti, fields, mac=True):
        fields = dict(fields)
        signed = self.mac_key is not None and mac
        if signed:
            fields[128 if max(fields) > 64 else 64] = "00" * 8
        theirs = {str(n): to_theirs(self.formats[str(n)], self.filled(n, v)) for n, v in fields.items()}
        data, _ = iso8583.encode({"t": mti, **theirs}, self.spec)
        return bytes(data[:-8]) + self.mac(bytes(data[:-8])) if signed else bytes(data)

    def filled(self, number, value):
        field = self.formats[str(number)]
        if field["type"] == "n" and field["lengthDigits"] == 0:
            return str(value).zfill(field["max"])
        if field["type"] == "x+n":
            return value[0] + value[1:].zfill(field["max"])
        return str(value)

    def send(self, mti, fields, mac=True):
        self.socket.sendall(self.framed(self.pack(mti, fields, mac)))

    def ask(self, mti, fields, mac=True):
        self.send(mti, fields, mac)
        answer, got = self.receive()
        check("the answer's type", answer, mti[:2] + str(int(mti[2]) + 1) + str(int(mti[3]) & ~1))
        check("the answer's STAN", got[11], fields[11])
        return got

    # --- keys

    def take_keys(self, text):
        self.pin_key, rest = self.take_key(text, self.config["pin"] == "format4")
        if rest:
            self.mac_key, rest = self.take_key(rest, self.config["mac"] == "cmac")
        check("what follows the keys", rest, "")

    def take_key(self, text, is_aes):
        master = bytes.fromhex(self.config["zmk"])
        size = 32 if is_aes else 16
        if self.config["zmkCipher"] == "aes":
            end = (size + 8) * 2
            key = aes_key_unwrap(master, bytes.fromhex(text[:end]))
        else:
            end = size * 2
            key = psec.des.decrypt_tdes_ecb(master, bytes.fromhex(text[:end]))
        value = cmac(key, bytes(16))[:3] if is_aes else psec.des.generate_kcv(key, 3)
        check("a key's check value", text[end : end + 6].lower(), value.hex())
        return key, text[end + 6 :]

    def pin_block(self, pan, pin):
        if self.config["pin"] == "format4":
            return psec.pinblock.encipher_pinblock_iso_4(self.pin_key, pin, pan).hex()
        return psec.des.encrypt_tdes_ecb(self.pin_key, psec.pinblock.encode_pinblock_iso_0(pin, pan)).hex()

    # --- messages

    def mti(self, text):
        return self.version + text

    def stamp(self):
        self.stan += 1
        now = datetime.datetime.now(datetime.timezone.utc)
        local = "%y%m%d%H%M%S" if self.version == "1" else "%H%M%S"
        return {7: now.strftime("%m%d%H%M%S"), 11: f"{self.stan:06d}", 12: now.strftime(local)}

    def network(self, what):
        field, code = self.dialect["network"]
        return self.ask("1804" if self.version == "1" else "0800", {**self.stamp(), field: code[what]})

    def transaction(self, code, amount, card, **more):
        fields = {2: card, 3: code + "0000", 4: str(amount), **self.stamp(), 41: "00001001", 49: "840"}
        return {**fields, **{int(name[1:]): value for name, value in more.items()}}

    def original(self, mti, fields):
        text = mti + fields[11] + fields[self.dialect["time"]]
        field = self.dialect["original"]
        if self.formats[str(field)]["lengthDigits"] == 0:
            return {field: text + "0" * 22}
        return {field: text + "00"}

    def code(self, mti, response):
        return self.config["codes"][mti].get(response, response)

    def expect(self, mti, fields, response, mac=True):
        got = self.ask(mti, fields, mac)
        base = mti[:3] + str(int(mti[3]) & ~1)
        check(f"the response to {mti}", got.get(39), self.code(base, response))
        return got


def balance_of(answer):
    text = answer[54]
    check("the balance's head", text[:8], "0002840C")
    return int(text[8:])


def run(host):
    """Yields the name of each step when it is done."""
    cards = list(host.config["cards"])
    sale_type, reversal, advice = host.mti("200"), host.mti("400"), host.mti("420")

    host.network("echo")
    yield "echo"
    before = host.stamp()
    check("a logon's response", host.network("logon")[39], host.code(host.mti("804" if host.version == "1" else "800"), "00"))
    check("STANs go on", int(before[11]) < host.stan, True)
    yield "logon"

    card = cards.pop()
    sale = host.transaction("00", 1250, card)
    first = host.expect(sale_type, sale, "00")
    check("the balance after a sale", balance_of(first), 8750)
    check("an authorisation has six digits", len(first[38]), 6)
    yield "sale"
    check("the balance", balance_of(host.expect(sale_type, host.transaction("31", 0, card), "00")), 8750)
    yield "balance"
    check("after a load", balance_of(host.expect(sale_type, host.transaction("21", 500, card), "00")), 9250)
    yield "load"
    refund = {**host.transaction("20", 250, card), **host.original(sale_type, sale)}
    check("after a refund", balance_of(host.expect(sale_type, refund, "00")), 9500)
    yield "refund"

    card = cards.pop()
    hold = host.transaction("00", 3000, card)
    check("after a hold", balance_of(host.expect(host.mti("100"), hold, "00")), 7000)
    yield "pre-authorisation"
    completion = {**host.transaction("00", 2000, card), **host.original(host.mti("100"), hold)}
    check("after the completion", balance_of(host.expect(host.mti("220"), completion, "00")), 8000)
    yield "completion"

    card = cards.pop()
    sale = host.transaction("00", 600, card)
    host.expect(sale_type, sale, "00")
    turn = {**host.transaction("00", 600, card), **host.original(sale_type, sale)}
    check("after a reversal", balance_of(host.expect(reversal, turn, "00")), 10000)
    host.expect(host.mti("401"), turn, "00")
    host.expect(advice, {**turn, **host.stamp()}, "00")
    check("reversed once", balance_of(host.expect(sale_type, host.transaction("31", 0, card), "00")), 10000)
    yield "reversal after its original, and again"
    sale = host.transaction("00", 600, card)
    host.expect(advice, {**host.transaction("00", 600, card), **host.original(sale_type, sale)}, "00")
    host.expect(sale_type, sale, "68")
    yield "reversal before its original"

    card = cards.pop()
    sale = host.transaction("00", 100, card)
    first = host.expect(sale_type, sale, "00")
    repeat = host.expect(host.mti("201"), sale, "00")
    check("a repeat's authorisation", repeat[38], first[38])
    host.expect(sale_type, {**sale, 4: "200"}, "94")
    host.expect(sale_type, host.transaction("00", 99_999_999, card), "51")
    yield "duplicates and a decline"

    pin_card, pin = host.config["pinCard"], host.config["pinDigits"]
    host.expect(sale_type, host.transaction("00", 1, pin_card, f52=host.pin_block(pin_card, "0000")), "55")
    host.expect(sale_type, host.transaction("00", 1, pin_card, f52=host.pin_block(pin_card, pin)), "00")
    yield "PIN wrong and right"
    key = host.mac_key
    host.send(sale_type, {**host.transaction("00", 1, card), 64: "0102030405060708"}, mac=False)
    check("a wrong MAC", host.receive()[1][39], host.code(sale_type, "96"))
    yield "MAC wrong"
    host.network("keyChange")
    check("another MAC key", host.mac_key != key, True)
    host.expect(sale_type, host.transaction("00", 1, pin_card, f52=host.pin_block(pin_card, pin)), "00")
    yield "key change"

    card = cards.pop()
    sales = [host.transaction("00", 1, card) for _ in range(200)]
    host.socket.sendall(b"".join(host.framed(host.pack(sale_type, one)) for one in sales))
    answers = [host.receive()[1] for _ in sales]
    check("all approved", {answer[39] for answer in answers}, {host.code(sale_type, "00")})
    check("each answered", {answer[11] for answer in answers}, {one[11] for one in sales})
    yield "200 in flight"

    settle_type = host.mti("500")
    settle = {41: "00001001", 74: "2", 75: "0", 76: "206", 77: "1", 86: "750", 87: "0", 88: "4152", 89: "600"}
    wrong = host.expect(settle_type, {**host.stamp(), **settle, 88: "4153", 97: "D2803"}, "95")
    totals = {n: int(wrong[n]) for n in (74, 75, 76, 77, 86, 87, 88, 89)}
    check("the engine's totals", totals, {**{n: int(v) for n, v in settle.items() if n != 41}})
    yield "settlement with wrong totals"
    net = 750 - (4152 - 600)
    check("the engine's net", wrong[97], ("D" if net < 0 else "C") + str(abs(net)).zfill(16))
    host.expect(settle_type, {**host.stamp(), **settle, 97: wrong[97]}, "00")
    yield "settlement with right totals"
    host.network("logoff")
    yield "logoff"


def main():
    host = Host(json.loads(sys.stdin.read()))
    try:
        for step in run(host):
            print(step, flush=True)
    except Failed as failure:
        print(failure, file=sys.stderr)
        sys.exit(1)


main()
