package web

// descriptors is more than any dashboard needs: Windows has no limit of the process.
func descriptors() uint64 { return 1 << 14 }
