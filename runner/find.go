package runner

import "os"

// Find finds a program as an attempt would when it starts: a name on the PATH of
// the server, or on the given one if that is not nil; a path with a slash from
// the working folder. The environment is that of this process. Of a path it is
// not said that something is there.
func Find(name, dir string, path *string) (string, error) {
	env := baseEnviron(os.Environ())
	if path != nil {
		env = append(env, "PATH="+*path)
	}
	return lookPath(name, dir, env)
}

// FindUser says that there is no user of this name or id for a run, if so.
func FindUser(name string) error {
	if isOurs(name) {
		return nil
	}
	_, err := lookUp(name)
	return err
}
