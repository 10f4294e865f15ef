// Package vocab reads and writes the documents that instances exchange: a
// strict JSON reader that keeps the bytes, the shapes of ActivityStreams that
// we understand, our own terms, and an encoder with a fixed member order.
//
// It is the only package that imports go-fed/activity. That library reads
// documents in tests (Check); it never writes bytes that carry or will carry a
// proof, since no proof survives its round trip (PROTOCOL §3.4).
package vocab
