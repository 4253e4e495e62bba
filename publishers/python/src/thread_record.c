/* The record that says which span this thread is in, where tracers look for it (OTEP 4947).
 *
 * It needs neither Python nor a C library, so one object serves every Python of a machine. What stands in the record is written by
 * the caller, at the address that it is given; it is gone when the thread ends.
 */
struct record {
    unsigned char trace_id[16];
    unsigned char span_id[8];
    unsigned char valid;
    unsigned char flags;
    unsigned short attributes_size;
};

__attribute__((visibility("default"))) __thread struct record *otel_thread_ctx_v1;

static __thread struct record record;

/* Shows the calling thread's record, and returns where it is. */
__attribute__((visibility("default"))) void *renacer_thread_record(void)
{
    otel_thread_ctx_v1 = &record;
    return &record;
}
