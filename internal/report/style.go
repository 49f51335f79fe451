package report

import "github.com/fatih/color"

// Quote gives text between double quotes, made safe.
func Quote(s string) string { return `"` + Safe(s) + `"` }

// paint colours a line by its symbol, if there is colour at all. Nothing is
// said by colour alone.
func (t Text) paint(symbol, line string) string {
	if !t.Color {
		return line
	}
	attribute, ok := map[string]color.Attribute{
		"+": color.FgGreen, "~": color.FgYellow, "!": color.FgRed, "-": color.FgMagenta, "x": color.FgRed, "?": color.FgCyan, "*": color.FgCyan,
	}[symbol]
	if !ok {
		return line
	}
	c := color.New(attribute)
	c.EnableColor()
	return c.Sprint(line)
}
