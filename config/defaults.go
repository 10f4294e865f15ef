package config

import "time"

// Defaults is the configuration of an instance that nobody has configured. Host stays empty.
func Defaults() Config {
	return Config{
		DataDir: "valise-data",
		Listen:  "127.0.0.1:8080",
		Log:     Log{Level: "info", Format: "text"},
		Federation: Federation{
			MaxBody:             1 << 20,
			WindowOwn:           5 * time.Minute,
			WindowForeign:       65 * time.Minute,
			RatePerOrigin:       Rate{PerSecond: 200, Burst: 1000},
			RatePerKey:          Rate{PerSecond: 100, Burst: 500},
			FirstContactPerHour: 10,
			DeliveryWorkers:     8,
			ConnectTimeout:      5 * time.Second,
			TotalTimeout:        30 * time.Second,
		},
		Markings: Markings{
			Scheme: "https://w3id.org/valise/marking/v1",
			Levels: []MarkingLevel{
				{Name: "PUBLIC", Rank: 1, Abbreviation: "P"},
				{Name: "UNCLASSIFIED", Rank: 2, Abbreviation: "U"},
				{Name: "LIMITED", Rank: 3, Abbreviation: "L"},
				{Name: "RESTRICTED", Rank: 4, Classified: true, Abbreviation: "R"},
				{Name: "CONFIDENTIAL", Rank: 5, Classified: true, Abbreviation: "C"},
				{Name: "SECRET", Rank: 6, Classified: true, Abbreviation: "S"},
				{Name: "TOP SECRET", Rank: 7, Classified: true, Abbreviation: "TS"},
			},
		},
		Precedence: "standard",
		Precedences: []PrecedenceProfile{
			{
				Name:   "standard",
				Scheme: "https://w3id.org/valise/precedence/v1",
				Levels: []PrecedenceLevel{
					{Name: "ROUTINE", Rank: 1, DeliverWithin: 24 * time.Hour},
					{Name: "PRIORITY", Rank: 2, DeliverWithin: 6 * time.Hour},
					{Name: "IMMEDIATE", Rank: 3, AcknowledgeWithin: 4 * time.Hour, DeliverWithin: time.Hour},
					{Name: "FLASH", Rank: 4, AcknowledgeWithin: 30 * time.Minute, DeliverWithin: 10 * time.Minute},
				},
			},
			{
				Name:   "niact",
				Scheme: "https://w3id.org/valise/precedence/niact/v1",
				Levels: []PrecedenceLevel{
					{Name: "ROUTINE", Rank: 1, DeliverWithin: 24 * time.Hour},
					{Name: "IMMEDIATE", Rank: 2, DeliverWithin: 6 * time.Hour},
					{Name: "NIACT IMMEDIATE", Rank: 3, AcknowledgeWithin: 4 * time.Hour, DeliverWithin: time.Hour},
					{Name: "FLASH", Rank: 4, AcknowledgeWithin: 30 * time.Minute, DeliverWithin: 10 * time.Minute},
				},
			},
		},
		Attachments: Attachments{
			MaxFile:     25_000_000,
			MaxDispatch: 100_000_000,
			MaxFiles:    10,
			Types: []string{
				"application/pdf",
				"text/plain",
				"text/csv",
				"image/png",
				"image/jpeg",
				"application/vnd.oasis.opendocument.text",
				"application/vnd.oasis.opendocument.spreadsheet",
				"application/vnd.oasis.opendocument.presentation",
				"application/vnd.openxmlformats-officedocument.wordprocessingml.document",
				"application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
				"application/vnd.openxmlformats-officedocument.presentationml.presentation",
			},
		},
		Access:    Access{SessionIdle: 12 * time.Hour, SessionLifetime: 7 * 24 * time.Hour},
		Mail:      Mail{Port: 587, Security: MailStartTLS},
		Retention: Retention{IDDays: 400},
		Shutdown:  Shutdown{Grace: 15 * time.Second},
	}
}

// ServeUnconfigured is Defaults under UnconfiguredHost: an instance to look at, that does not federate.
func ServeUnconfigured() Config {
	c := Defaults()
	c.Host = UnconfiguredHost
	return c
}
