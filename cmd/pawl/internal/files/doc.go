// Package files reads and makes files whose content other users must not change: it opens only
// regular files, and says who else can write one.
package files
