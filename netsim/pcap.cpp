#include "netsim/pcap.hpp"

#include <pcap/pcap.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>

#include "netsim/frame.hpp"
#include "sim/base/error.hpp"

namespace tvdsim::netsim {

namespace {
constexpr int kSnapLength = static_cast<int>(kMaxPayload) + 18;
}

struct PcapWriter::Impl {
  std::string path;
  pcap_t* format = nullptr;
  pcap_dumper_t* file = nullptr;
  ~Impl() {
    if (file) pcap_dump_close(file);
    if (format) pcap_close(format);
  }
  [[noreturn]] void fail(int error) const {
    throw sim::WorldError("writing " + path,
                          error == ENOSPC   ? "ENOSPC"
                          : error == EACCES ? "EACCES"
                                            : "EIO",
                          std::strerror(error));
  }
};

PcapWriter::PcapWriter(const std::string& path) : impl_(std::make_unique<Impl>()) {
  impl_->path = path;
  impl_->format = pcap_open_dead_with_tstamp_precision(DLT_EN10MB, kSnapLength, PCAP_TSTAMP_PRECISION_NANO);
  if (!impl_->format) throw sim::WorldError("preparing " + path, "ENOMEM");
  errno = 0;
  impl_->file = pcap_dump_open(impl_->format, path.c_str());
  if (!impl_->file)
    throw sim::WorldError("writing " + path, errno == EACCES ? "EACCES" : "ENOENT",
                          pcap_geterr(impl_->format));
}

PcapWriter::~PcapWriter() = default;

void PcapWriter::write(sim::Time when, std::span<const std::uint8_t> frame, std::size_t keep) {
  TVDSIM_ASSERT(impl_->file, "a frame is written to a capture that is closed");
  pcap_pkthdr header{};
  header.ts.tv_sec = static_cast<decltype(header.ts.tv_sec)>(when.ns / 1'000'000'000);
  // With nanosecond precision the field called microseconds holds nanoseconds.
  header.ts.tv_usec = static_cast<decltype(header.ts.tv_usec)>(when.ns % 1'000'000'000);
  header.len = static_cast<bpf_u_int32>(frame.size());
  header.caplen = static_cast<bpf_u_int32>(std::min(frame.size(), keep));
  pcap_dump(reinterpret_cast<u_char*>(impl_->file), &header, frame.data());
  ++frames_;
}

void PcapWriter::flush() {
  if (!impl_->file) return;
  errno = 0;
  if (pcap_dump_flush(impl_->file) != 0 || std::ferror(pcap_dump_file(impl_->file)) != 0)
    impl_->fail(errno ? errno : EIO);
}

void PcapWriter::close() {
  flush();
  if (impl_->file) pcap_dump_close(impl_->file);
  impl_->file = nullptr;
}

}  // namespace tvdsim::netsim
