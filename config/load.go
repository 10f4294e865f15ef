package config

import (
	"encoding"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-viper/mapstructure/v2"
	"github.com/knadh/koanf/parsers/yaml"
	"github.com/knadh/koanf/providers/env/v2"
	"github.com/knadh/koanf/providers/file"
	"github.com/knadh/koanf/providers/structs"
	"github.com/knadh/koanf/v2"
)

const (
	prefix     = "VALISE_"
	pathVar    = "VALISE_CONFIG"         // path of the file when none is given
	testsVar   = "VALISE_CI"             // turns skipped tests into failures; no setting
	systemdVar = "CREDENTIALS_DIRECTORY" // folder of a service's credentials (systemd.exec)
)

// Load reads the defaults, then the YAML file at path (none when path is empty and VALISE_CONFIG is
// not set), then the VALISE_* variables in environ, which has the form of os.Environ. The last one
// wins; a list replaces a list whole. The result is valid. An unknown key or variable is an error
// that names it, and the error lists every problem of the file, or of the variables, or of the values.
func Load(path string, environ []string) (Config, error) {
	if path == "" {
		path = lookup(environ, pathVar)
	}
	k := koanf.New(".")
	if err := k.Load(structs.Provider(Defaults(), "koanf"), nil); err != nil {
		return Config{}, fmt.Errorf("load defaults: %w", err)
	}
	if path != "" {
		if err := k.Load(file.Provider(path), strictYAML{}); err != nil {
			return Config{}, fmt.Errorf("load configuration file %s: %w", path, err)
		}
	}
	var problems []error
	known := variables()
	err := k.Load(env.Provider(".", env.Opt{
		Prefix:      prefix,
		EnvironFunc: func() []string { return environ },
		TransformFunc: func(name, text string) (string, any) {
			if name == pathVar || name == testsVar {
				return "", nil
			}
			f, ok := known[name]
			if !ok {
				problems = append(problems, fmt.Errorf("unknown environment variable %s: unset it or correct its name", name))
				return "", nil
			}
			value, err := fromText(f.typ, f.key, text)
			if err != nil {
				problems = append(problems, fmt.Errorf("environment variable %s: %w", name, err))
				return "", nil
			}
			return f.key, value
		},
	}), nil)
	if err := errors.Join(append(problems, err)...); err != nil {
		return Config{}, err
	}

	var c Config
	err = k.UnmarshalWithConf("", &c, koanf.UnmarshalConf{DecoderConfig: &mapstructure.DecoderConfig{
		TagName:     "koanf",
		ErrorUnused: true,
		DecodeHook:  fromScalar,
		MatchName:   func(key, field string) bool { return key == field },
	}})
	if err != nil {
		return Config{}, fmt.Errorf("read configuration: %w", err)
	}
	if dir := lookup(environ, systemdVar); c.SealKeyFile == "" && dir != "" {
		credential := filepath.Join(dir, "seal.key")
		if _, err := os.Stat(credential); err == nil {
			c.SealKeyFile = credential
		} else if !errors.Is(err, os.ErrNotExist) {
			return Config{}, fmt.Errorf("look for the systemd credential seal.key: %w", err)
		}
	}
	if err := c.Validate(); err != nil {
		return Config{}, fmt.Errorf("configuration is not valid:\n%w", err)
	}
	return c, nil
}

func lookup(environ []string, name string) string {
	for _, e := range slices.Backward(environ) {
		if v, ok := strings.CutPrefix(e, name+"="); ok {
			return v
		}
	}
	return ""
}

// field is one key that a value, not a section, stands under.
type field struct {
	key string
	typ reflect.Type
}

// fields lists the keys of a section in the order of its struct.
func fields(section reflect.Type, path string) []field {
	var all []field
	for f := range section.Fields() {
		key := path + f.Tag.Get("koanf")
		if isSection(f.Type) {
			all = append(all, fields(f.Type, key+".")...)
		} else {
			all = append(all, field{key, f.Type})
		}
	}
	return all
}

// isSection: a struct of keys, unlike one that is written as text (netip.Prefix).
func isSection(t reflect.Type) bool {
	return t.Kind() == reflect.Struct && !isText(t)
}

func isText(t reflect.Type) bool {
	return reflect.PointerTo(t).Implements(reflect.TypeFor[encoding.TextUnmarshaler]())
}

func variables() map[string]field {
	m := map[string]field{}
	for _, f := range fields(reflect.TypeFor[Config](), "") {
		m[prefix+strings.ToUpper(strings.ReplaceAll(f.key, ".", "_"))] = f
	}
	return m
}

// strictYAML parses YAML and refuses keys that Config does not have. Keys without a value are taken
// away, so that a section whose keys are all commented out keeps its defaults.
type strictYAML struct{}

func (strictYAML) Unmarshal(b []byte) (map[string]any, error) {
	m, err := yaml.Parser().Unmarshal(b)
	if err != nil {
		return nil, err
	}
	return m, checkSection(m, reflect.TypeFor[Config](), "")
}

func (strictYAML) Marshal(m map[string]any) ([]byte, error) { return yaml.Parser().Marshal(m) }

func checkSection(m map[string]any, section reflect.Type, path string) error {
	types := map[string]reflect.Type{}
	var names []string
	for f := range section.Fields() {
		name := f.Tag.Get("koanf")
		types[name] = f.Type
		names = append(names, name)
	}
	var problems []error
	for name, value := range m {
		t, ok := types[name]
		switch {
		case !ok:
			problems = append(problems, fmt.Errorf("unknown key %s%s: the keys here are %s", path, name, strings.Join(names, ", ")))
		case value == nil:
			delete(m, name)
		default:
			problems = append(problems, checkValue(value, t, path+name))
		}
	}
	return errors.Join(problems...)
}

func checkValue(value any, t reflect.Type, key string) error {
	switch {
	case isSection(t):
		m, ok := value.(map[string]any)
		if !ok {
			return fmt.Errorf("%s: want a section of keys, not %T", key, value)
		}
		return checkSection(m, t, key+".")
	case t.Kind() == reflect.Slice:
		list, ok := value.([]any)
		if !ok {
			return fmt.Errorf("%s: want a list, not %T", key, value)
		}
		var problems []error
		for i, v := range list {
			problems = append(problems, checkValue(v, t.Elem(), fmt.Sprintf("%s[%d]", key, i)))
		}
		return errors.Join(problems...)
	case value == nil:
		return fmt.Errorf("%s: empty entry", key)
	}
	return nil
}

// fromText reads a variable. Lists of plain values are separated by commas; lists of sections are
// written in JSON.
func fromText(t reflect.Type, key, text string) (any, error) {
	switch {
	case t.Kind() == reflect.Slice && isSection(t.Elem()):
		m, err := yaml.Parser().Unmarshal([]byte("value: " + text))
		if err != nil {
			return nil, fmt.Errorf("want a list in JSON: %w", err)
		}
		return m["value"], checkValue(m["value"], t, key)
	case t.Kind() == reflect.Slice:
		list := []any{}
		for part := range strings.SplitSeq(text, ",") {
			if part = strings.TrimSpace(part); part == "" {
				continue
			}
			v, err := fromText(t.Elem(), key, part)
			if err != nil {
				return nil, err
			}
			list = append(list, v)
		}
		return list, nil
	case t == reflect.TypeFor[time.Duration](), isText(t):
		return text, nil
	case t.Kind() == reflect.Bool:
		return strconv.ParseBool(text)
	case t.Kind() == reflect.Int:
		return strconv.Atoi(text)
	case t.Kind() == reflect.Float64:
		return strconv.ParseFloat(text, 64)
	}
	return text, nil
}

// fromScalar makes a duration, size or address range of text, and refuses what the decoder would
// bend without a word: a bare number as nanoseconds, a fraction as a whole number.
func fromScalar(from, to reflect.Type, data any) (any, error) {
	switch {
	case to == reflect.TypeFor[time.Duration]() && from != to:
		text, ok := data.(string)
		if !ok {
			return nil, fmt.Errorf("duration %v has no unit: write 90s, 5m or 24h", data)
		}
		return time.ParseDuration(text)
	case from.Kind() == reflect.String && isText(to):
		v := reflect.New(to)
		if err := v.Interface().(encoding.TextUnmarshaler).UnmarshalText([]byte(data.(string))); err != nil {
			return nil, err
		}
		return v.Elem().Interface(), nil
	case from.Kind() == reflect.Float64 && (to.Kind() == reflect.Int || to.Kind() == reflect.Int64):
		if f := data.(float64); f != math.Trunc(f) {
			return nil, fmt.Errorf("%v is not a whole number", f)
		}
	}
	return data, nil
}
