package store

// checkLinksAndOwner finds nothing: whoever can make files in the folder is not known here.
func checkLinksAndOwner(string) error { return nil }

func mayWrite(string) error { return nil }

// syncFolder has nothing to do: the system keeps names by itself.
func syncFolder(string) error { return nil }
