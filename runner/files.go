package runner

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/hooktender/hooktender/rules"
)

const filesExt = ".files"

// filesFolder is where the files lie that came in the payload.
func (a *attempt) filesFolder() string { return a.payload + filesExt }

// makeFiles writes the files of a multipart payload into a folder of their own,
// each under the name of its form field; a second one of a field is called
// field-2.
func makeFiles(folder, contentType string, body []byte, as *account) error {
	if err := os.RemoveAll(folder); err != nil { // of a try that did not succeed
		return err
	}
	if err := os.Mkdir(folder, 0o700); err != nil {
		return err
	}
	made := []string{folder}
	taken := map[string]bool{}
	for file, err := range rules.Files(contentType, body) {
		if err != nil {
			return err
		}
		path := filepath.Join(folder, unused(fieldFile(file.Field), taken))
		if err := os.WriteFile(path, file.Data, 0o600); err != nil {
			return err
		}
		made = append(made, path)
	}
	if as == nil {
		return nil
	}
	for i := len(made) - 1; i >= 0; i-- { // the folder last
		if err := os.Lchown(made[i], int(as.uid), int(as.gid)); err != nil {
			return err
		}
	}
	return nil
}

// fieldFile makes the name of a file of what a sender calls a field. It is never
// hidden, never a path, and never an option.
func fieldFile(field string) string {
	name := strings.Map(func(r rune) rune {
		plain := r == '_' || r == '-' || r == '.' || '0' <= r && r <= '9' || 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z'
		if !plain {
			return '_'
		}
		return r
	}, field)
	const longest = 100
	name = strings.TrimLeft(name[:min(len(name), longest)], ".-")
	if name == "" {
		return "file"
	}
	return name
}

func unused(name string, taken map[string]bool) string {
	free := name
	for n := 2; taken[free]; n++ {
		free = fmt.Sprintf("%s-%d", name, n)
	}
	taken[free] = true
	return free
}
