//go:build unix

package git

import (
	"os/exec"
	"syscall"
)

// detach gives git a session of its own: an interrupt typed at the terminal is
// for poolsync, which still has to record, and git has no terminal to ask at.
// When the command is cancelled, everything that git started ends with it.
func detach(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
}
