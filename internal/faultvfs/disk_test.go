package faultvfs_test

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/pawl-go/pawl/internal/faultvfs"
)

// cuts are the different contents that 200 power cuts leave of a file; "none" if
// they leave no file.
func cuts(log []faultvfs.Op, file string) map[string]bool {
	chance := rand.New(rand.NewPCG(1, 1))
	contents := map[string]bool{}
	for range 200 {
		content, ok := diskOf(log).Cut(chance)[file]
		if !ok {
			content = []byte("none")
		}
		contents[string(content)] = true
	}
	return contents
}

func diskOf(log []faultvfs.Op) *faultvfs.Disk {
	var disk faultvfs.Disk
	for _, op := range log {
		disk.Do(op)
	}
	return &disk
}

func set(contents ...string) map[string]bool {
	set := map[string]bool{}
	for _, content := range contents {
		set[content] = true
	}
	return set
}

func writeOf(offset int64, text string) faultvfs.Op {
	return faultvfs.Op{Kind: faultvfs.Write, File: "f", Offset: offset, Data: []byte(text)}
}

func TestPowerCutKeepsWhatWasSynced(t *testing.T) {
	synced := faultvfs.Op{Kind: faultvfs.Sync, File: "f"}
	failed := faultvfs.Op{Kind: faultvfs.Sync, File: "f", Failed: true}
	for _, test := range []struct {
		name   string
		log    []faultvfs.Op
		leaves map[string]bool
		killed string
	}{
		{"synced", []faultvfs.Op{writeOf(0, "ab"), synced}, set("ab"), "ab"},
		{"not synced", []faultvfs.Op{writeOf(0, "ab")}, set("", "ab"), "ab"},
		{"in any order", []faultvfs.Op{writeOf(0, "ab"), synced, writeOf(0, "c"), writeOf(1, "d")}, set("ab", "cb", "ad", "cd"), "cd"},
		{"truncated", []faultvfs.Op{writeOf(0, "ab"), synced, {Kind: faultvfs.Truncate, File: "f", Offset: 1}}, set("ab", "a"), "a"},
		{"failed to sync, for good", []faultvfs.Op{writeOf(0, "ab"), synced, writeOf(0, "c"), failed, writeOf(1, "d"), synced}, set("ad"), "cd"},
	} {
		t.Run(test.name, func(t *testing.T) {
			assert.Equal(t, test.leaves, cuts(test.log, "f"))
			assert.Equal(t, test.killed, string(diskOf(test.log).Killed()["f"]))
		})
	}
}

func TestPowerCutTearsWritesAtSectors(t *testing.T) {
	log := []faultvfs.Op{
		writeOf(0, string(bytes.Repeat([]byte("."), 1024))), {Kind: faultvfs.Sync, File: "f"},
		writeOf(0, string(bytes.Repeat([]byte("x"), 1024))),
	}
	half := func(c string) string { return string(bytes.Repeat([]byte(c), 512)) }
	assert.Equal(t, set(half(".")+half("."), half("x")+half("."), half(".")+half("x"), half("x")+half("x")), cuts(log, "f"))
}

func TestNamesAreDurableWithTheirFolder(t *testing.T) {
	made := []faultvfs.Op{{Kind: faultvfs.Open, File: "f"}, writeOf(0, "ab"), {Kind: faultvfs.Sync, File: "f"}}
	assert.Equal(t, set("none", "ab"), cuts(made, "f"))
	made[2].Folder = true
	assert.Equal(t, set("ab"), cuts(made, "f"))
	gone := append(made, faultvfs.Op{Kind: faultvfs.Delete, File: "f"})
	assert.Equal(t, set("none", "ab"), cuts(gone, "f"))
	assert.NotContains(t, diskOf(gone).Killed(), "f")
	gone[3].Folder = true
	assert.Equal(t, set("none"), cuts(gone, "f"))
}
