package serve

import "github.com/gin-gonic/gin"

// hostMeta names the WebFinger address (RFC 6415, LRDD), for software that asks here
// first.
func (s *Server) hostMeta(c *gin.Context) error {
	return send(c, "application/xrd+xml", []byte(`<?xml version="1.0" encoding="UTF-8"?>
<XRD xmlns="http://docs.oasis-open.org/ns/xri/xrd-1.0">
  <Link rel="lrdd" type="application/jrd+json" template="`+s.Own.Base()+`/.well-known/webfinger?resource={uri}"/>
</XRD>
`))
}
