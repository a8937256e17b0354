package noc

// Legs are the delays of a coherence transaction's kinds of message over
// one distance.
type Legs struct {
	Request    float64 `toml:"request_ns" min:"0" max:"100000" doc:"requester to home"`
	Snoop      float64 `toml:"snoop_ns" min:"0" max:"100000" doc:"home to owner or sharer"`
	Data       float64 `toml:"data_ns" min:"0" max:"100000" doc:"owner, sharer or home to requester; owners and sharers add fabric.owner_ns"`
	Ack        float64 `toml:"ack_ns" min:"0" max:"100000" doc:"sharer to requester, that its copy is gone, the look into its caches included; 0: as data_ns with fabric.owner_ns"`
	Completion float64 `toml:"completion_ns" min:"0" max:"100000" doc:"requester or owner back to the home"`
	ReadDirty  string  `toml:"read_dirty" oneof:"inherit share migrate migrate_if_written" doc:"what a read of a dirty line at this distance gets: a shared copy, or ownership; inherit takes protocol.read_dirty"`
}

// Fabric is the interconnect: delays by distance class, or a mesh.
type Fabric struct {
	Kind          string  `toml:"kind" oneof:"classes matrix mesh" doc:"delays by distance class, from a core-to-core matrix, or over a 2-D mesh"`
	JitterPercent int     `toml:"jitter_percent" min:"0" max:"90" doc:"each message's delay varies by up to this share, seeded; 0 lets equal cores phase-lock"`
	Near          Legs    `toml:"near" doc:"within one L3"`
	Far           Legs    `toml:"far" doc:"within one socket, across L3s"`
	Remote        Legs    `toml:"remote" doc:"across sockets"`
	OwnerNS       float64 `toml:"owner_ns" min:"0" max:"10000" doc:"an owner's or sharer's look into its caches, added to the data leg from core to core; a reply of the LLC or of memory takes llc.hit_ns or dram_ns instead"`
	HomeNS        float64 `toml:"home_occupancy_ns" min:"0" max:"10000" doc:"time for which a home is busy with one request"`
	ReplayNS      float64 `toml:"home_replay_ns" min:"0" max:"10000" doc:"a request that finds its line busy at the home tries again this often; 0: the home turns to the next one as soon as the line is free"`
	FarAtomicNS   float64 `toml:"far_atomic_ns" min:"0" max:"10000" doc:"time of a home's atomic unit for one far atomic, after it has read the line; the line is blocked meanwhile"`
	LinkNS        float64 `toml:"link_occupancy_ns" min:"0" max:"10000" doc:"time for which a message occupies each link it crosses (mesh: every hop; otherwise the sender's port); 0 is unlimited bandwidth"`

	Matrix [][]float64 `toml:"matrix_ns" doc:"kind matrix: one-way latency of a line from core to core, requester by owner: the request and snoop legs are the class's, the legs of data and of acks take the rest (1 cycle if there is none)"`

	MeshColumns int     `toml:"mesh_columns" min:"0" max:"64" doc:"kind mesh: columns of the grid (0: as square as possible); a socket's cores, each with an L3 slice, sit on it row by row"`
	HopNS       float64 `toml:"hop_ns" min:"0" max:"1000" doc:"kind mesh: one hop, XY routing, added to the leg of the class"`
}

// Topology says which cores share what.
type Topology struct {
	Sockets        int    `toml:"sockets" min:"1" max:"64" doc:"sockets"`
	L3PerSocket    int    `toml:"l3_per_socket" min:"1" max:"256" doc:"L3 caches (core complexes) in a socket; each is a home node"`
	CoresPerL3     int    `toml:"cores_per_l3" min:"1" max:"1024" doc:"cores that share an L3"`
	ThreadsPerCore int    `toml:"threads_per_core" min:"1" max:"8" doc:"hardware threads of a core"`
	Home           string `toml:"home_socket" oneof:"first interleave" doc:"where memory lies: on the socket of the run's first thread (first touch), or spread over all sockets line by line"`
	L3Local        bool   `toml:"l3_local" doc:"a line whose copies all lie in one L3 is served at that L3, not at its address's home"`
}
