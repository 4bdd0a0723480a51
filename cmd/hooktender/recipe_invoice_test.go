package main

import (
	"io"
	"mime"
	"mime/multipart"
	"net/mail"
	"slices"
	"strings"
	"testing"
)

// TestInvoiceByMail is examples/stripe-invoice-email: the shop and the customer have
// a mail each, and whoever pays cannot have others written to.
func TestInvoiceByMail(t *testing.T) {
	t.Parallel()
	const password = "Open-Sesame-42"
	server := newMailServer(t, "billing@shop.example.com", password)
	s := stage(t, "stripe-invoice-email", []string{
		"smtp: smtp://billing@shop.example.com@mail.example.com:587",
		"smtp: smtp://billing@shop.example.com@" + server.listener.Addr().String() + "\n      starttls: required", // which this machine need not have
	}, "STRIPE_SECRET=whsec_s3cret", "SMTP_PASSWORD="+password, "SSL_CERT_FILE="+server.authority)

	told := func(to, subject string, in ...string) string {
		t.Helper()
		m := nextOf(t, server.took)
		if m.from != "billing@shop.example.com" || !slices.Equal(m.to, []string{to}) {
			t.Errorf("from %q to %q", m.from, m.to)
		}
		header, texts := readMail(t, m.text)
		if header.Get("To") != "<"+to+">" || header.Get("From") != `"Example Shop" <billing@shop.example.com>` || len(header["Bcc"])+len(header["Cc"]) > 0 {
			t.Errorf("%v", header)
		}
		if got, err := new(mime.WordDecoder).DecodeHeader(header.Get("Subject")); got != subject {
			t.Errorf("the subject is %q, %v", got, err)
		}
		for _, want := range in {
			if !strings.Contains(texts["text/plain"], want) {
				t.Errorf("%q is not in %q", want, texts["text/plain"])
			}
		}
		if texts["text/html"] == "" {
			t.Error("has no HTML")
		}
		return texts["text/plain"] + texts["text/html"]
	}
	shopTold := func() string {
		return told("billing@shop.example.com", "💳 Invoice EXAMPLE-0042 is not paid",
			"Open: 29 USD", "Attempts: 1, Stripe tries again", "https://dashboard.stripe.com/invoices/in_000000000000000000000001", "Rule: shop")
	}

	s.readme()
	shopTold()
	said := told("ada@example.com", "Your payment to Example Shop has failed", "Hello Ada Example,", "invoice EXAMPLE-0042", "https://invoice.stripe.com/i/acct_00000000000001/test_example?s=ap")
	for _, inside := range []string{"Hook", "/stripe", "Rule", "customer", "invoice.payment_failed"} {
		if strings.Contains(said, inside) {
			t.Errorf("the customer reads %q in %s", inside, said)
		}
	}

	const failed = "hooktender send stripe invoice.payment_failed --to http://127.0.0.1:9000/stripe --secret whsec_s3cret"
	s.types(failed + " --set data.object.customer_email='a@example.com, b@example.com'")
	shopTold()
	s.types(failed + ` --set data.object.customer_email=null --set data.object.customer_name="$(printf 'Eve\r\nBcc: b@example.com')"`)
	shopTold()
	s.waitForRuns()
	if len(server.took) > 0 {
		t.Errorf("one too many: %v", <-server.took)
	}
	s.stop()
}

// readMail reads a mail that has its text in several ways, by what they are.
func readMail(t *testing.T, text string) (mail.Header, map[string]string) {
	t.Helper()
	m, err := mail.ReadMessage(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := m.Header.Date(); err != nil || m.Header.Get("Message-Id") == "" {
		t.Errorf("date and id: %v, %v", err, m.Header)
	}
	kind, params, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
	if err != nil || kind != "multipart/alternative" {
		t.Fatal(kind, err)
	}
	texts := map[string]string{}
	for parts := multipart.NewReader(m.Body, params["boundary"]); ; {
		part, err := parts.NextPart() // undoes quoted-printable
		if err == io.EOF {
			return m.Header, texts
		}
		if err != nil {
			t.Fatal(err)
		}
		kind, _, _ := mime.ParseMediaType(part.Header.Get("Content-Type"))
		data, err := io.ReadAll(part)
		if err != nil {
			t.Fatal(err)
		}
		texts[kind] = string(data)
	}
}
