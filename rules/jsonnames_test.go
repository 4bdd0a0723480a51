package rules

import (
	"fmt"
	"testing"
)

// What is forgotten keeps nothing of the text in memory, wherever it stood.
func TestNamesAreForgotten(t *testing.T) {
	n := newNameSet()
	for _, many := range []int{1000, 3, 0, 40} {
		n.open()
		for i := range many {
			if err := n.add(fmt.Appendf(nil, "n%d", i)); err != nil {
				t.Fatal(err)
			}
		}
		n.open()
		if err := n.add([]byte("inner")); err != nil {
			t.Fatal(err)
		}
		n.close()
		if many != 3 { // one text breaks off
			n.close()
		}
		n.reset()
		for i, name := range n.spelt[:cap(n.spelt)] {
			if name != nil {
				t.Fatalf("of %d names, %q is kept at %d", many, name, i)
			}
		}
	}
}
