package state

import (
	"errors"
	"io/fs"
	"syscall"
)

// noFollow is nothing here: what is no regular file is refused before it is opened.
const noFollow = 0

// names is 1: the system does not tell without opening the file.
func names(fs.FileInfo) uint64 { return 1 }

// What the standard library has no names for.
const (
	queryLimitedInformation = 0x1000
	stillActive             = 259
)

// alive reports whether there is a process of that number.
func alive(process int) bool {
	h, err := syscall.OpenProcess(queryLimitedInformation, false, uint32(process))
	if err != nil {
		return errors.Is(err, syscall.ERROR_ACCESS_DENIED)
	}
	defer func() { _ = syscall.CloseHandle(h) }()
	var code uint32
	return syscall.GetExitCodeProcess(h, &code) != nil || code == stillActive
}
