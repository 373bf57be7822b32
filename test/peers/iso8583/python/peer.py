"""What pyiso8583 and psec make of the same messages, PIN blocks and MACs: questions in, answers out, JSON lines."""

import json
import sys

import iso8583
import psec
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.cmac import CMAC


def is_packed(field):
    return field["digits"] == "bcd" and field["type"] in ("n", "z", "x+n")


def field_spec(field):
    """A field in pyiso8583's own words."""
    spec = {
        "data_enc": "latin-1",
        "len_enc": "bcd" if field["lengths"] == "bcd" else "ascii",
        "len_type": 0,
        "max_len": field["max"] + (1 if field["type"] == "x+n" else 0),
        "desc": field["name"],
    }
    if field["lengthDigits"] > 0:
        spec["len_type"] = (field["lengthDigits"] + 1) // 2 if field["lengths"] == "bcd" else field["lengthDigits"]
    if field["type"] == "b":
        spec["data_enc"] = "b"
    elif is_packed(field):
        spec["data_enc"] = "b"
        spec["len_count"] = "nibbles"
        if field["type"] == "x+n":
            # The sign is a byte of its own before the packed digits.
            spec["max_len"] = 2 + field["max"]
        if field["odd"] == "right-f":
            spec["right_pad"] = "F"
        elif field["odd"] == "right-0":
            spec["right_pad"] = "0"
        else:
            spec["left_pad"] = "0"
    return spec


def message_spec(dialect):
    packed = dialect["mti"] == "bcd"
    none = {"len_enc": "ascii", "len_type": 0, "desc": ""}
    spec = {
        "h": {"data_enc": "ascii", "max_len": 0, **none},
        "t": {"data_enc": "b" if packed else "ascii", "max_len": 2 if packed else 4, **none},
        "p": {"data_enc": "b", "max_len": 8, **none},
        "1": {"data_enc": "b", "max_len": 8, **none},
    }
    for field in dialect["fields"]:
        spec[str(field["number"])] = field_spec(field)
    return spec


def to_theirs(field, value):
    if not is_packed(field):
        return value.upper() if field["type"] == "b" else value
    if field["type"] == "x+n":
        return value[0].encode("ascii").hex().upper() + value[1:]
    return value.replace("=", "D")


def to_ours(field, value):
    if field["type"] == "b":
        return value.lower()
    if not is_packed(field):
        return value
    if field["type"] == "x+n":
        return bytes.fromhex(value[:2]).decode("ascii") + value[2:]
    return value.replace("D", "=")


class Messages:
    def __init__(self, dialects):
        self.specs = {name: message_spec(dialect) for name, dialect in dialects.items()}
        self.fields = {
            name: {str(field["number"]): field for field in dialect["fields"]} for name, dialect in dialects.items()
        }

    def answer(self, question):
        name = question["dialect"]
        spec, fields = self.specs[name], self.fields[name]
        decoded, _ = iso8583.decode(bytes.fromhex(question["bytes"]), spec)
        theirs = {number: to_theirs(fields[number], value) for number, value in question["fields"].items()}
        encoded, _ = iso8583.encode({"t": question["mti"], **theirs}, spec)
        return {
            "mti": decoded["t"],
            "fields": {
                number: to_ours(fields[number], value) for number, value in decoded.items() if number in fields
            },
            "bytes": encoded.hex(),
        }


def cmac(key, data):
    mac = CMAC(AES(key))
    mac.update(data)
    return mac.finalize()


def secret(question):
    """PIN blocks both ways, MACs and check values: what each is by psec (CMAC: by cryptography)."""
    key = bytes.fromhex(question["key"])
    what = question["what"]
    if what == "retailMac":
        mac = psec.mac.generate_retail_mac(key[:8], key[8:], bytes.fromhex(question["data"]), 1)
        return {"value": mac.hex()}
    if what == "cmac":
        return {"value": cmac(key, bytes.fromhex(question["data"])).hex()}
    if what == "tdesCheckValue":
        return {"value": psec.des.generate_kcv(key, 3).hex()}
    if what == "aesCheckValue":
        return {"value": cmac(key, bytes(16))[:3].hex()}
    pan, pin, block = question["pan"], question["pin"], bytes.fromhex(question["block"])
    if what == "format0":
        clear = psec.des.decrypt_tdes_ecb(key, block)
        own = psec.des.encrypt_tdes_ecb(key, psec.pinblock.encode_pinblock_iso_0(pin, pan))
        return {"value": psec.pinblock.decode_pinblock_iso_0(clear, pan), "block": own.hex()}
    if what == "format4":
        own = psec.pinblock.encipher_pinblock_iso_4(key, pin, pan)
        return {"value": psec.pinblock.decipher_pinblock_iso_4(key, block, pan), "block": own.hex()}
    raise ValueError("unknown question")


def main():
    messages = Messages(json.loads(sys.stdin.readline())["dialects"])
    for line in sys.stdin:
        question = json.loads(line)
        try:
            answer = secret(question) if "what" in question else messages.answer(question)
        except Exception as error:
            answer = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), flush=False)


if __name__ == "__main__":
    main()
