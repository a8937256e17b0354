package cache

// Config is the geometry and latency of one cache level.
type Config struct {
	Bytes         int    `toml:"bytes" min:"0" max:"1073741824" doc:"capacity; 0 leaves the level out (not the L1)"`
	Ways          int    `toml:"ways" min:"1" max:"64" doc:"associativity"`
	LatencyCycles int    `toml:"latency_cycles" min:"1" max:"1000" doc:"load-to-use latency of a hit in core cycles"`
	Replacement   string `toml:"replacement" oneof:"lru plru" doc:"victim choice: exact LRU or tree pseudo-LRU"`
}
