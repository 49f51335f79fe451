package text

import "github.com/fatih/color"

// inks are the colours of signs, and of text by its name. Nothing is said by
// colour alone.
var inks = map[string][]color.Attribute{
	"+": {color.FgGreen}, "=": {color.FgGreen}, "~": {color.FgYellow}, "!": {color.FgRed, color.Bold}, "-": {color.FgMagenta}, "x": {color.FgRed, color.Bold},
	"?": {color.FgCyan}, "*": {color.FgCyan}, ".": {color.FgBlue},
	"added": {color.FgGreen}, "removed": {color.FgRed},
	"faint": {color.Faint}, "bold": {color.Bold}, "warning": {color.FgYellow}, "caret": {color.FgRed, color.Bold}, "hint": {color.FgCyan},
}

// ink colours text by a sign or a name, if there is colour at all.
func (o Options) ink(name, text string) string {
	attributes, ok := inks[name]
	if !o.Color || !ok || text == "" {
		return text
	}
	c := color.New(attributes...)
	c.EnableColor()
	return c.Sprint(text)
}
