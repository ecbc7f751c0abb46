package store

// trusted finds nothing: whoever can make files in the folder is not known here.
func trusted(string) error { return nil }
