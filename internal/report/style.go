package report

import "github.com/fatih/color"

// done marks what was done, whatever it was: in a plan "+" is a pool to create.
const done = "="

// colors are the colours of lines by their symbol, and of text by its name.
// Nothing is said by colour alone.
var colors = map[string][]color.Attribute{
	"+": {color.FgGreen}, done: {color.FgGreen}, "~": {color.FgYellow}, "!": {color.FgRed, color.Bold}, "-": {color.FgMagenta}, "x": {color.FgRed, color.Bold},
	"?": {color.FgCyan}, "*": {color.FgCyan}, ".": {color.FgBlue},
	"faint": {color.Faint}, "bold": {color.Bold}, "warning": {color.FgYellow}, "caret": {color.FgRed, color.Bold}, "hint": {color.FgCyan},
}

// ink colours text by a symbol or a name, if there is colour at all.
func (t Text) ink(name, text string) string {
	attributes, ok := colors[name]
	if !t.Color || !ok {
		return text
	}
	c := color.New(attributes...)
	c.EnableColor()
	return c.Sprint(text)
}
