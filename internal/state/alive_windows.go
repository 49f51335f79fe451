package state

import (
	"errors"
	"syscall"
)

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
