// An acquirer's host made of moov-io/iso8583, crypto/des and a socket: the whole list against a running server, one line
// a step. ISO 8583:1987 in ASCII with a binary bitmap, 2 bytes of length, MACs of ANSI X9.19 and PIN blocks of format 0.
package main

import (
	"bytes"
	"crypto/cipher"
	"crypto/des"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/moov-io/iso8583"
	"github.com/moov-io/iso8583/encoding"
	"github.com/moov-io/iso8583/field"
	"github.com/moov-io/iso8583/padding"
	"github.com/moov-io/iso8583/prefix"
)

const secondsMax = 30

type config struct {
	Host      string   `json:"host"`
	Port      int      `json:"port"`
	Zmk       string   `json:"zmk"`
	Cards     []string `json:"cards"`
	PinCard   string   `json:"pinCard"`
	PinDigits string   `json:"pinDigits"`
}

type fields map[int]string

func fixed(length int) field.Field {
	return field.NewString(&field.Spec{Length: length, Enc: encoding.ASCII, Pref: prefix.ASCII.Fixed})
}

func number(length int) field.Field {
	pad := padding.Left('0')
	return field.NewString(&field.Spec{Length: length, Enc: encoding.ASCII, Pref: prefix.ASCII.Fixed, Pad: pad})
}

func variable(length int, pref prefix.Prefixer) field.Field {
	return field.NewString(&field.Spec{Length: length, Enc: encoding.ASCII, Pref: pref})
}

func octets(length int) field.Field {
	return field.NewBinary(&field.Spec{Length: length, Enc: encoding.Binary, Pref: prefix.Binary.Fixed})
}

func spec() *iso8583.MessageSpec {
	all := map[int]field.Field{
		0:   fixed(4),
		1:   field.NewBitmap(&field.Spec{Length: 8, Enc: encoding.Binary, Pref: prefix.Binary.Fixed}),
		2:   variable(19, prefix.ASCII.LL),
		3:   fixed(6),
		4:   number(12),
		7:   fixed(10),
		11:  fixed(6),
		12:  fixed(6),
		37:  fixed(12),
		38:  fixed(6),
		39:  fixed(2),
		41:  fixed(8),
		44:  variable(25, prefix.ASCII.LL),
		48:  variable(999, prefix.ASCII.LLL),
		49:  fixed(3),
		52:  octets(8),
		54:  variable(120, prefix.ASCII.LLL),
		63:  variable(999, prefix.ASCII.LLL),
		64:  octets(8),
		66:  fixed(1),
		70:  fixed(3),
		90:  fixed(42),
		97:  fixed(17),
		128: octets(8),
	}
	for _, n := range []int{74, 75, 76, 77} {
		all[n] = number(10)
	}
	for _, n := range []int{86, 87, 88, 89} {
		all[n] = number(16)
	}
	return &iso8583.MessageSpec{Fields: all}
}

func check(what string, found, expected any) {
	if fmt.Sprint(found) != fmt.Sprint(expected) {
		fmt.Fprintf(os.Stderr, "%s: %v, expected %v\n", what, found, expected)
		os.Exit(1)
	}
}

func must[T any](value T, err error) T {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	return value
}

// Two keys of DES as three.
func tripleDes(key []byte) cipher.Block {
	return must(des.NewTripleDESCipher(append(append([]byte{}, key...), key[:8]...)))
}

func each(key, data []byte, step func(cipher.Block, []byte, []byte)) []byte {
	out := make([]byte, len(data))
	for at := 0; at < len(data); at += 8 {
		step(tripleDes(key), out[at:], data[at:])
	}
	return out
}

func encrypt(key, data []byte) []byte {
	return each(key, data, func(b cipher.Block, to, from []byte) { b.Encrypt(to, from) })
}

func decrypt(key, data []byte) []byte {
	return each(key, data, func(b cipher.Block, to, from []byte) { b.Decrypt(to, from) })
}

// ANSI X9.19.
func macOf(key, data []byte) []byte {
	padded := append([]byte{}, data...)
	for len(padded)%8 != 0 {
		padded = append(padded, 0)
	}
	first, second := must(des.NewCipher(key[:8])), must(des.NewCipher(key[8:]))
	block := make([]byte, 8)
	for at := 0; at < len(padded); at += 8 {
		for i := range block {
			block[i] ^= padded[at+i]
		}
		first.Encrypt(block, block)
	}
	second.Decrypt(block, block)
	first.Encrypt(block, block)
	return block
}

type host struct {
	config
	conn   net.Conn
	spec   *iso8583.MessageSpec
	stan   int
	pinKey []byte
	macKey []byte
}

func (h *host) pack(mti string, values fields, mac []byte) []byte {
	message := iso8583.NewMessage(h.spec)
	message.MTI(mti)
	last := 0
	for n, value := range values {
		last = max(last, n)
		if n == 52 {
			must(0, message.BinaryField(n, must(hex.DecodeString(value))))
		} else {
			must(0, message.Field(n, value))
		}
	}
	if h.macKey == nil {
		return must(message.Pack())
	}
	place := 64
	if last > 64 {
		place = 128
	}
	must(0, message.BinaryField(place, make([]byte, 8)))
	packed := must(message.Pack())
	body := packed[:len(packed)-8]
	if mac == nil {
		mac = macOf(h.macKey, body)
	}
	return append(append([]byte{}, body...), mac...)
}

func framed(message []byte) []byte {
	return append(binary.BigEndian.AppendUint16(nil, uint16(len(message))), message...)
}

func (h *host) receive() (string, fields) {
	must(0, h.conn.SetReadDeadline(time.Now().Add(secondsMax*time.Second)))
	length := make([]byte, 2)
	must(io.ReadFull(h.conn, length))
	data := make([]byte, binary.BigEndian.Uint16(length))
	must(io.ReadFull(h.conn, data))
	message := iso8583.NewMessage(h.spec)
	must(0, message.Unpack(data))
	got := fields{}
	for n := range message.GetFields() {
		if n > 1 {
			got[n] = must(message.GetString(n))
		}
	}
	// The answer to a logon is under the keys that it brings, that to a key change under those before.
	keys, brings := got[48]
	if brings && h.macKey == nil {
		h.takeKeys(keys)
	}
	if h.macKey != nil {
		check("the MAC of an answer", hex.EncodeToString(data[len(data)-8:]), hex.EncodeToString(macOf(h.macKey, data[:len(data)-8])))
	}
	if brings {
		h.takeKeys(keys)
	}
	return must(message.GetMTI()), got
}

func (h *host) takeKeys(text string) {
	check("the length of two keys", len(text), 2*38)
	master := must(hex.DecodeString(h.Zmk))
	taken := [2][]byte{}
	for i := range taken {
		part := text[i*38 : (i+1)*38]
		taken[i] = decrypt(master, must(hex.DecodeString(part[:32])))
		value := hex.EncodeToString(encrypt(taken[i], make([]byte, 8))[:3])
		check("a key's check value", strings.ToLower(part[32:]), value)
	}
	h.pinKey, h.macKey = taken[0], taken[1]
}

func (h *host) ask(mti string, values fields) fields {
	must(h.conn.Write(framed(h.pack(mti, values, nil))))
	answer, got := h.receive()
	check("the answer's type", answer, mti[:2]+string(mti[2]+1)+"0")
	check("the answer's STAN", got[11], values[11])
	return got
}

func (h *host) expect(mti string, values fields, response string) fields {
	got := h.ask(mti, values)
	check("the response to "+mti, got[39], response)
	return got
}

func (h *host) stamp() fields {
	h.stan++
	now := time.Now().UTC()
	return fields{7: now.Format("0102150405"), 11: fmt.Sprintf("%06d", h.stan), 12: now.Format("150405")}
}

func with(base fields, more ...fields) fields {
	all := fields{}
	for _, one := range append([]fields{base}, more...) {
		for n, value := range one {
			all[n] = value
		}
	}
	return all
}

func (h *host) network(code string) fields {
	return h.expect("0800", with(h.stamp(), fields{70: code}), "00")
}

func (h *host) transaction(code string, amount int, card string) fields {
	return with(h.stamp(), fields{2: card, 3: code + "0000", 4: strconv.Itoa(amount), 41: "00001001", 49: "840"})
}

func original(mti string, values fields) fields {
	return fields{90: mti + values[11] + values[7] + strings.Repeat("0", 22)}
}

func balance(answer fields) int {
	check("the balance's head", answer[54][:8], "0002840C")
	return must(strconv.Atoi(answer[54][8:]))
}

func (h *host) pinBlock(card, pin string) fields {
	block := must(hex.DecodeString(fmt.Sprintf("0%d%s", len(pin), pin+strings.Repeat("f", 14-len(pin)))))
	account := must(hex.DecodeString("0000" + card[len(card)-13:len(card)-1]))
	for i := range block {
		block[i] ^= account[i]
	}
	return fields{52: hex.EncodeToString(encrypt(h.pinKey, block))}
}

func main() {
	h := &host{spec: spec()}
	must(0, json.NewDecoder(os.Stdin).Decode(&h.config))
	h.conn = must(net.Dial("tcp", net.JoinHostPort(h.Host, strconv.Itoa(h.Port))))
	run(h)
}

func run(h *host) {
	next := func() string {
		card := h.Cards[0]
		h.Cards = h.Cards[1:]
		return card
	}
	balanceOf := func(card string) int { return balance(h.expect("0200", h.transaction("31", 0, card), "00")) }

	h.network("301")
	fmt.Println("echo")
	h.network("001")
	fmt.Println("logon")

	card := next()
	sale := h.transaction("00", 1250, card)
	check("the balance after a sale", balance(h.expect("0200", sale, "00")), 8750)
	fmt.Println("sale")
	check("the balance", balanceOf(card), 8750)
	fmt.Println("balance")
	check("after a load", balance(h.expect("0200", h.transaction("21", 500, card), "00")), 9250)
	fmt.Println("load")
	refund := with(h.transaction("20", 250, card), original("0200", sale))
	check("after a refund", balance(h.expect("0200", refund, "00")), 9500)
	fmt.Println("refund")

	card = next()
	hold := h.transaction("00", 3000, card)
	check("after a hold", balance(h.expect("0100", hold, "00")), 7000)
	fmt.Println("pre-authorisation")
	completion := with(h.transaction("00", 2000, card), original("0100", hold))
	check("after the completion", balance(h.expect("0220", completion, "00")), 8000)
	fmt.Println("completion")

	card = next()
	sale = h.transaction("00", 600, card)
	h.expect("0200", sale, "00")
	turn := with(h.transaction("00", 600, card), original("0200", sale))
	check("after a reversal", balance(h.expect("0400", turn, "00")), 10000)
	h.expect("0401", turn, "00")
	h.expect("0420", with(turn, h.stamp()), "00")
	check("reversed once", balanceOf(card), 10000)
	fmt.Println("reversal after its original, and again")
	sale = h.transaction("00", 600, card)
	h.expect("0420", with(h.transaction("00", 600, card), original("0200", sale)), "00")
	h.expect("0200", sale, "68")
	fmt.Println("reversal before its original")

	card = next()
	sale = h.transaction("00", 100, card)
	first := h.expect("0200", sale, "00")
	check("a repeat's authorisation", h.expect("0201", sale, "00")[38], first[38])
	h.expect("0200", with(sale, fields{4: "200"}), "94")
	h.expect("0200", h.transaction("00", 99_999_999, card), "51")
	fmt.Println("duplicates and a decline")

	h.expect("0200", with(h.transaction("00", 1, h.PinCard), h.pinBlock(h.PinCard, "0000")), "55")
	h.expect("0200", with(h.transaction("00", 1, h.PinCard), h.pinBlock(h.PinCard, h.PinDigits)), "00")
	fmt.Println("PIN wrong and right")
	must(h.conn.Write(framed(h.pack("0200", h.transaction("00", 1, card), []byte("12345678")))))
	_, got := h.receive()
	check("a wrong MAC", got[39], "96")
	fmt.Println("MAC wrong")
	before := h.macKey
	h.network("161")
	check("the same MAC key", bytes.Equal(before, h.macKey), false)
	h.expect("0200", with(h.transaction("00", 1, h.PinCard), h.pinBlock(h.PinCard, h.PinDigits)), "00")
	fmt.Println("key change")

	inFlight(h, next())
	settle(h)
	h.network("002")
	fmt.Println("logoff")
}

func inFlight(h *host, card string) {
	const count = 200
	var all []byte
	asked, answered := map[string]bool{}, map[string]bool{}
	for range count {
		sale := h.transaction("00", 1, card)
		asked[sale[11]] = true
		all = append(all, framed(h.pack("0200", sale, nil))...)
	}
	must(h.conn.Write(all))
	for range count {
		_, got := h.receive()
		check("a response", got[39], "00")
		check("that it was asked for", asked[got[11]], true)
		answered[got[11]] = true
	}
	check("each answered", len(answered), count)
	fmt.Println("200 in flight")
}

func settle(h *host) {
	totals := map[int]int{74: 2, 75: 0, 76: 206, 77: 1, 86: 750, 87: 0, 88: 4152, 89: 600}
	own := fields{41: "00001001"}
	for n, value := range totals {
		own[n] = strconv.Itoa(value)
	}
	wrong := h.expect("0500", with(h.stamp(), own, fields{88: "4153", 97: fmt.Sprintf("D%016d", 2803)}), "95")
	for n, value := range totals {
		// The library takes the padding of a number of zeros whole.
		check(fmt.Sprintf("the engine's field %d", n), must(strconv.Atoi("0"+wrong[n])), value)
	}
	check("the engine's net", wrong[97], fmt.Sprintf("D%016d", 2802))
	fmt.Println("settlement with wrong totals")
	h.expect("0500", with(h.stamp(), own, fields{97: wrong[97]}), "00")
	fmt.Println("settlement with right totals")
}
