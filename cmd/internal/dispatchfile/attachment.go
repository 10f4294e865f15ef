package dispatchfile

import (
	"path"
	"path/filepath"
	"strings"
)

// types are the media types of the endings that an instance allows by default; the
// system's own table differs between machines.
var types = map[string]string{
	".pdf": "application/pdf", ".txt": "text/plain", ".csv": "text/csv", ".png": "image/png", ".jpg": "image/jpeg", ".jpeg": "image/jpeg",
	".odt":  "application/vnd.oasis.opendocument.text",
	".ods":  "application/vnd.oasis.opendocument.spreadsheet",
	".odp":  "application/vnd.oasis.opendocument.presentation",
	".docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
	".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
	".pptx": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
}

// attachment reads "path; name=…; type=…".
func attachment(h header) (Attachment, error) {
	parts := strings.Split(h.value, ";")
	a := Attachment{Path: strings.TrimSpace(parts[0])}
	if a.Path == "" {
		return a, fault(h.line, "Attach names no file")
	}
	for _, p := range parts[1:] {
		key, value, _ := strings.Cut(p, "=")
		value = strings.TrimSpace(value)
		switch key = strings.ToLower(strings.TrimSpace(key)); {
		case value == "":
			return a, fault(h.line, "%q is no option of Attach; use name=… or type=…", clip(strings.TrimSpace(p)))
		case key == "name" && a.Name == "":
			a.Name = value
		case key == "type" && a.MediaType == "":
			a.MediaType = value
		default:
			return a, fault(h.line, "%q is no option of Attach, or is there twice; use name=… or type=…", clip(key))
		}
	}
	if a.Name == "" {
		a.Name = path.Base(filepath.ToSlash(a.Path))
	}
	if a.MediaType == "" {
		a.MediaType = types[strings.ToLower(filepath.Ext(a.Path))]
	}
	if a.MediaType == "" {
		return a, fault(h.line, "the type of %s is not known by its ending; add ; type=…", clip(a.Path))
	}
	return a, nil
}
