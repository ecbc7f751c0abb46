package faultvfs

import (
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
)

// Disk is what a log leaves on a disk that was empty, with what a power cut may
// still undo: writes that were not synced, and the names of files in a folder that
// was not synced.
type Disk struct {
	// What a name may stand for after a power cut, in the order in which it came
	// to; nil: no file. The last one is what it stands for without a power cut.
	names map[string][]*content
}

// content is that of one file.
type content struct {
	cached  []byte // as programs see it
	synced  []byte
	pending []Op // writes and truncations that the next sync makes durable
}

// sector is what a disk writes whole or not at all.
const sector = 512

// Do takes the next operation of the log.
func (d *Disk) Do(op Op) {
	if d.names == nil {
		d.names = map[string][]*content{}
	}
	switch op.Kind {
	case Mark:
		return
	case Open:
		d.names[op.File] = append(d.known(op.File), &content{})
	case Delete:
		d.names[op.File] = append(d.known(op.File), nil)
	case Write, Truncate:
		c := d.file(op.File)
		c.cached = op.on(c.cached)
		c.pending = append(c.pending, op)
	case Sync:
		d.file(op.File).sync(op.Failed)
	}
	if op.Folder && !op.Failed {
		for name, versions := range d.names {
			d.names[name] = versions[len(versions)-1:]
		}
	}
}

// known is what a name may stand for, no file if it is new.
func (d *Disk) known(name string) []*content {
	if versions := d.names[name]; versions != nil {
		return versions
	}
	return []*content{nil}
}

// file is that of a name. One that nobody saw being made was made empty by the
// program, durably.
func (d *Disk) file(name string) *content {
	versions := d.names[name]
	if versions == nil {
		versions = []*content{{}}
		d.names[name] = versions
	}
	return versions[len(versions)-1]
}

// Killed is what the death of the process leaves: all that was done.
func (d *Disk) Killed() map[string][]byte {
	files := map[string][]byte{}
	for name, versions := range d.names {
		if c := versions[len(versions)-1]; c != nil {
			files[name] = slices.Clone(c.cached)
		}
	}
	return files
}

// Cut is what a power cut leaves: what was synced, and of the rest what chance
// has written before, in any order and torn at sectors.
func (d *Disk) Cut(chance *rand.Rand) map[string][]byte {
	files := map[string][]byte{}
	kept := []float64{0, 0.1, 0.5, 0.9, 1}[chance.IntN(5)]
	for _, name := range slices.Sorted(maps.Keys(d.names)) {
		versions := d.names[name]
		if c := versions[chance.IntN(len(versions))]; c != nil {
			files[name] = c.cut(chance, kept)
		}
	}
	return files
}

// sync makes the pending operations durable. After one that failed a system may take
// them for written: no sync that follows makes up for it.
func (c *content) sync(failed bool) {
	if !failed {
		for _, op := range c.pending {
			c.synced = op.on(c.synced)
		}
	}
	c.pending = nil
}

// cut keeps each operation with a probability, and of every third write that it
// keeps each sector with that.
func (c *content) cut(chance *rand.Rand, kept float64) []byte {
	file := slices.Clone(c.synced)
	for _, op := range c.pending {
		switch {
		case chance.Float64() >= kept:
		case op.Kind == Write && chance.IntN(3) == 0:
			for _, part := range op.sectors() {
				if chance.Float64() < kept {
					file = part.on(file)
				}
			}
		default:
			file = op.on(file)
		}
	}
	return file
}

// on does the operation to a file.
func (op Op) on(file []byte) []byte {
	end := int(op.Offset) + len(op.Data)
	if len(file) < end {
		file = append(file, make([]byte, end-len(file))...)
	}
	if op.Kind == Truncate {
		return file[:end]
	}
	copy(file[op.Offset:], op.Data)
	return file
}

// sectors are the parts of a write that a disk may separate.
func (op Op) sectors() (parts []Op) {
	for data, at := op.Data, op.Offset; len(data) > 0; {
		n := min(sector-int(at%sector), len(data))
		parts = append(parts, Op{Kind: Write, Offset: at, Data: data[:n]})
		data, at = data[n:], at+int64(n)
	}
	return parts
}

// Put makes a folder hold these files and nothing else.
func Put(folder string, files map[string][]byte) error {
	if err := os.RemoveAll(folder); err != nil {
		return err
	}
	if err := os.Mkdir(folder, 0o700); err != nil {
		return err
	}
	for name, data := range files {
		if err := os.WriteFile(filepath.Join(folder, name), data, 0o600); err != nil {
			return err
		}
	}
	return nil
}
