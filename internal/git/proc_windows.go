package git

import (
	"os/exec"
	"syscall"
)

// detach keeps an interrupt typed at the terminal from git: it is for poolsync,
// which still has to record.
func detach(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{CreationFlags: syscall.CREATE_NEW_PROCESS_GROUP}
}
