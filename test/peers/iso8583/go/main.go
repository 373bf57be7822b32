// What moov-io/iso8583 makes of the same messages: questions in, answers out, JSON lines.
package main

import (
	"bufio"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/moov-io/iso8583"
	"github.com/moov-io/iso8583/encoding"
	"github.com/moov-io/iso8583/field"
	"github.com/moov-io/iso8583/prefix"
)

type fieldFormat struct {
	Number       int    `json:"number"`
	Name         string `json:"name"`
	Type         string `json:"type"`
	LengthDigits int    `json:"lengthDigits"`
	Max          int    `json:"max"`
	Lengths      string `json:"lengths"`
	Digits       string `json:"digits"`
}

type dialect struct {
	Mti    string        `json:"mti"`
	Fields []fieldFormat `json:"fields"`
}

type question struct {
	Dialect string            `json:"dialect"`
	Mti     string            `json:"mti"`
	Fields  map[string]string `json:"fields"`
	Bytes   string            `json:"bytes"`
}

type answer struct {
	Mti    string            `json:"mti,omitempty"`
	Fields map[string]string `json:"fields,omitempty"`
	Bytes  string            `json:"bytes,omitempty"`
	Error  string            `json:"error,omitempty"`
}

func (f fieldFormat) signed() bool { return f.Type == "x+n" && f.Digits == "bcd" }

// The library has no packed track 2 with a separator.
func (f fieldFormat) known() bool { return !(f.Type == "z" && f.Digits == "bcd") }

func (f fieldFormat) prefixer() prefix.Prefixer {
	set := prefix.ASCII
	if f.Lengths == "bcd" {
		set = prefix.BCD
	}
	switch f.LengthDigits {
	case 2:
		return set.LL
	case 3:
		return set.LLL
	}
	return set.Fixed
}

func (f fieldFormat) field() field.Field {
	spec := &field.Spec{Length: f.Max, Description: f.Name, Enc: encoding.ASCII, Pref: f.prefixer()}
	switch {
	case f.Type == "b":
		spec.Enc = encoding.Binary
		if f.LengthDigits == 0 {
			spec.Pref = prefix.Binary.Fixed
		}
		return field.NewBinary(spec)
	case f.signed():
		// The sign is a byte of its own before the packed digits.
		spec.Length = 1 + f.Max/2
		spec.Enc = encoding.Binary
		spec.Pref = prefix.Binary.Fixed
		return field.NewBinary(spec)
	case f.Type == "x+n":
		spec.Length = 1 + f.Max
	case f.Type == "n" && f.Digits == "bcd":
		spec.Enc = encoding.BCD
		if f.LengthDigits == 0 {
			spec.Pref = prefix.BCD.Fixed
		}
	}
	return field.NewString(spec)
}

func (d dialect) spec() *iso8583.MessageSpec {
	mti := &field.Spec{Length: 4, Description: "message type", Enc: encoding.ASCII, Pref: prefix.ASCII.Fixed}
	if d.Mti == "bcd" {
		mti.Enc, mti.Pref = encoding.BCD, prefix.BCD.Fixed
	}
	fields := map[int]field.Field{
		0: field.NewString(mti),
		1: field.NewBitmap(&field.Spec{Length: 8, Description: "bitmap", Enc: encoding.Binary, Pref: prefix.Binary.Fixed}),
	}
	for _, format := range d.Fields {
		if format.known() {
			fields[format.Number] = format.field()
		}
	}
	return &iso8583.MessageSpec{Fields: fields}
}

// A value as the runner writes it: bytes as hexadecimal text, everything else as text.
func (f fieldFormat) set(message *iso8583.Message, value string) error {
	switch {
	case f.Type == "b":
		bytes, err := hex.DecodeString(value)
		if err != nil {
			return err
		}
		return message.BinaryField(f.Number, bytes)
	case f.signed():
		digits, err := hex.DecodeString(value[1:])
		if err != nil {
			return err
		}
		return message.BinaryField(f.Number, append([]byte(value[:1]), digits...))
	}
	return message.Field(f.Number, value)
}

func (f fieldFormat) get(message *iso8583.Message) (string, error) {
	if f.Type != "b" && !f.signed() {
		return message.GetString(f.Number)
	}
	bytes, err := message.GetBytes(f.Number)
	if err != nil {
		return "", err
	}
	if f.signed() {
		return string(bytes[:1]) + hex.EncodeToString(bytes[1:]), nil
	}
	return strings.ToLower(hex.EncodeToString(bytes)), nil
}

func ask(d dialect, spec *iso8583.MessageSpec, q question) (answer, error) {
	raw, err := hex.DecodeString(q.Bytes)
	if err != nil {
		return answer{}, err
	}
	got := iso8583.NewMessage(spec)
	if err := got.Unpack(raw); err != nil {
		return answer{}, fmt.Errorf("unpack: %w", err)
	}
	mti, err := got.GetMTI()
	if err != nil {
		return answer{}, err
	}
	out := answer{Mti: mti, Fields: map[string]string{}}
	own := iso8583.NewMessage(spec)
	own.MTI(q.Mti)
	present := got.GetFields()
	for _, format := range d.Fields {
		number := strconv.Itoa(format.Number)
		if _, ok := present[format.Number]; ok {
			if out.Fields[number], err = format.get(got); err != nil {
				return answer{}, err
			}
		}
		if value, ok := q.Fields[number]; ok {
			if err := format.set(own, value); err != nil {
				return answer{}, err
			}
		}
	}
	packed, err := own.Pack()
	if err != nil {
		return answer{}, fmt.Errorf("pack: %w", err)
	}
	out.Bytes = hex.EncodeToString(packed)
	return out, nil
}

func main() {
	in := bufio.NewScanner(os.Stdin)
	in.Buffer(make([]byte, 1<<20), 1<<24)
	out := json.NewEncoder(os.Stdout)
	var first struct {
		Dialects map[string]dialect `json:"dialects"`
	}
	if !in.Scan() || json.Unmarshal(in.Bytes(), &first) != nil {
		fmt.Fprintln(os.Stderr, "the first line holds the dialects")
		os.Exit(2)
	}
	specs := map[string]*iso8583.MessageSpec{}
	for name, d := range first.Dialects {
		specs[name] = d.spec()
	}
	for in.Scan() {
		var q question
		if err := json.Unmarshal(in.Bytes(), &q); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(2)
		}
		a, err := ask(first.Dialects[q.Dialect], specs[q.Dialect], q)
		if err != nil {
			a = answer{Error: err.Error()}
		}
		if err := out.Encode(a); err != nil {
			os.Exit(2)
		}
	}
}
