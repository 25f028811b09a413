// The writable data of a loaded object, and what of it is not as it was in an image taken earlier.
//
//   const auto segment = writable_segment(handle);               // of dlopen
//   const std::vector<std::uint8_t> image(segment.begin(), segment.end()), blank = blank_blocks(image);
//   …the object's functions run…
//   take_delta(segment, image, blank, delta);                           // and the segment is the image again
//   apply_delta(segment, delta);                                 // and now it is as it was
//
// A delta is the words of 8 bytes that differ, gathered by line of 64 bytes: its number, one bit per word, the words.
//
// Invariant  take_delta and then apply_delta leave every byte of the segment as it was before.
// Cost       take_delta reads the segment and what of the image is not zero once, 220 and 50 kB in about 5 us; apply_delta touches what
//            differs alone.
// Threads    a segment belongs to one thread at a time.
// Leaves out heap memory that the data points to: its owner sees that there is none.
// Source     ELF gABI, PT_LOAD and PT_GNU_RELRO; dlinfo(3).
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace tvdsim::vtpm {

// What lies behind the part that the loader makes read-only, to the end of the last line of the zeroed data. Empty: the object
// has no writable segment, more than one, or one beyond 4 MB.
std::span<std::uint8_t> writable_segment(void* object) noexcept;

// One byte for each whole block of 256 bytes: 1 where all of them are zero. Most of a library's data is.
std::vector<std::uint8_t> blank_blocks(std::span<const std::uint8_t> image);

// Segments are whole lines long.
void take_delta(std::span<std::uint8_t> segment, std::span<const std::uint8_t> image,
                std::span<const std::uint8_t> blank, std::vector<std::uint8_t>& delta);
// Onto the image the delta was taken against.
void apply_delta(std::span<std::uint8_t> segment, std::span<const std::uint8_t> delta) noexcept;

}  // namespace tvdsim::vtpm
