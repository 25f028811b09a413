// While one lives, what OpenSSL adds to its thread's error queue is taken away again: a refused key or signature is our answer,
// not an error for the next caller of OpenSSL to find.
//
// Threads    each belongs to one thread.
// Source     OpenSSL ERR_set_mark(3).
#pragma once

namespace tvdsim::vtpm {

class QuietErrors {
 public:
  QuietErrors();
  ~QuietErrors();
  QuietErrors(const QuietErrors&) = delete;
  QuietErrors& operator=(const QuietErrors&) = delete;
};

}  // namespace tvdsim::vtpm
