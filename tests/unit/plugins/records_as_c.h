/* The same layout seen by a C compiler: what the C side writes, the C++ test reads. */
#ifndef TVDSIM_TESTS_RECORDS_AS_C_H
#define TVDSIM_TESTS_RECORDS_AS_C_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

size_t tvdsim_test_c_size_of_header(void);
size_t tvdsim_test_c_size_of_record(void);
/* Writes a header and one record of every kind, with telling numbers; gives the bytes written. */
size_t tvdsim_test_c_write_stream(unsigned char* out);

#ifdef __cplusplus
}
#endif
#endif
