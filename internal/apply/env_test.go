package apply_test

import (
	"os"
	"strconv"
)

func seedsFromEnv(n int) int {
	if s := os.Getenv("SEEDS"); s != "" {
		n, _ = strconv.Atoi(s)
	}
	return n
}
