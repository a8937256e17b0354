/*
 * Every shape that flattening knows. The two object files beside this one were
 * compiled from it once, with
 *
 *   gcc -c -g -gdwarf-5 -gno-record-gcc-switches -fdebug-prefix-map=$PWD=. \
 *       -o shapes.dwarf5.o shapes.c
 *   gcc -c -g -gdwarf-2 -gstrict-dwarf -gno-record-gcc-switches \
 *       -fdebug-prefix-map=$PWD=. -o shapes.dwarf2.o shapes.c
 *
 * and objcopy --remove-section=.comment. DWARF 2 counts the bits of a bit-field
 * from the other end.
 */
typedef struct { int counter; } atomic_t;
typedef struct { atomic_t refs; } refcount_t;
typedef struct { volatile long word; } plain_t;

struct list_head { struct list_head *next, *prev; };
struct nothing { };
struct hidden;

struct pair { char tag; short value; };

struct shapes {
	union {
		struct { unsigned long start, end; };
		struct { unsigned long v; } freeptr;
	};
	struct hidden *opaque;
	const refcount_t refcnt;
	unsigned one : 1, seven : 7, twelve : 12;
	unsigned : 3;
	unsigned last : 5;
	plain_t plain;
	struct list_head list;
	struct nothing nothing;
	union { long whole; int half[2]; } mix;
	struct pair pairs[2];
	int grid[2][3];
	struct pair many[20];
	enum { RED, GREEN } colour;
	double real;
	void (*call)(void);
	union { int alone; };
	char tail[];
};

typedef struct { int x; } only_a_typedef;
union choice { int i; char c[8]; };

struct shapes shapes;
only_a_typedef only;
union choice choice;
struct hidden *declared;
