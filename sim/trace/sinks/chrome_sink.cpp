#include "sim/trace/sinks/chrome_sink.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>

#include "sim/base/error.hpp"
#include "sim/trace/sinks/output_file.hpp"

namespace tvdsim::sim {
namespace {

constexpr int kVms = 1, kHosts = 2;  // "process" ids: the two groups of tracks

// A VM in one of these is not alive: they lie between its lives.
constexpr std::array<std::string_view, 4> kEnds{"defined", "stopped", "crashed", "refused"};

bool alive(std::string_view state) { return std::find(kEnds.begin(), kEnds.end(), state) == kEnds.end(); }

// The format counts microseconds; three decimals keep every nanosecond.
std::string micros(std::int64_t ns) { return fmt::format("{}.{:03}", ns / 1000, ns % 1000); }

// Rows of one table with cells by column name.
class Rows {
 public:
  Rows(const Trace& trace, TableId table) : trace_(trace), table_(table), info_(table_info(table)) {}
  std::size_t size() const { return trace_.column(table_, 0).size(); }
  std::int64_t number(std::size_t row, std::string_view column) const {
    return static_cast<std::int64_t>(cell(row, column));
  }
  std::string_view text(std::size_t row, std::string_view column) const {
    return trace_.text(TextId{static_cast<std::uint32_t>(cell(row, column))});
  }

 private:
  std::uint64_t cell(std::size_t row, std::string_view name) const {
    for (std::size_t i = 0; i < info_.columns.size(); ++i) {
      if (info_.columns[i].name == name) return trace_.column(table_, i)[row];
    }
    TVDSIM_ASSERT(false, "the timeline asks for a column that tables.def does not have");
    return 0;
  }
  const Trace& trace_;
  TableId table_;
  const TableInfo& info_;
};

class Timeline {
 public:
  Timeline(const Trace& trace, const std::string& path)
      : decisions_(trace, TableId::decisions),
        lifecycle_(trace, TableId::lifecycle),
        messages_(trace, TableId::messages),
        file_(path) {}

  void write() {
    file_.write("{\"displayTimeUnit\": \"ns\", \"traceEvents\": [");
    find_end();
    group(kVms, "VMs");
    group(kHosts, "hosts");
    write_lives();
    write_hosts();
    write_messages();
    file_.write("\n]}\n");
    file_.finish();
  }

 private:
  struct Open {
    std::int64_t life = -1, state = -1;  // since when; -1: not open
    std::string name, host;              // of the state; where
  };

  void event(const std::string& body) {
    file_.write(first_ ? "\n{" : ",\n{");
    file_.write(body);
    file_.write("}");
    first_ = false;
  }
  void group(int pid, std::string_view name) {
    event(fmt::format(R"("ph": "M", "pid": {}, "tid": 0, "name": "process_name", "args": {{"name": "{}"}})",
                      pid, name));
  }
  // The track of a VM or host; named when it is first used.
  int track(int pid, std::string_view name) {
    const auto [found, fresh] =
        tracks_.try_emplace({pid, std::string(name)}, static_cast<int>(tracks_.size()) + 1);
    if (fresh) {
      event(fmt::format(R"("ph": "M", "pid": {}, "tid": {}, "name": "thread_name", "args": {{"name": {}}})",
                        pid, found->second, json_string(name)));
    }
    return found->second;
  }
  void slice(int pid, std::string_view on, std::string_view name, std::int64_t from, std::int64_t to,
             std::string_view host) {
    const int tid = track(pid, on);
    event(fmt::format(
        R"("ph": "X", "pid": {}, "tid": {}, "ts": {}, "dur": {}, "name": {}, "args": {{"host": {}}})", pid,
        tid, micros(from), micros(to - from), json_string(name), json_string(host)));
  }

  void find_end();
  void write_lives();
  void close_state(const std::string& vm, Open& open, std::int64_t now);
  void write_hosts();
  void write_messages();

  Rows decisions_, lifecycle_, messages_;
  OutputFile file_;
  bool first_ = true;
  std::int64_t end_ = 0;
  std::map<std::pair<int, std::string>, int> tracks_;
};

void Timeline::find_end() {
  for (const Rows* rows : {&decisions_, &lifecycle_, &messages_}) {
    for (std::size_t i = 0; i < rows->size(); ++i) end_ = std::max(end_, rows->number(i, "time_ns"));
  }
}

void Timeline::close_state(const std::string& vm, Open& open, std::int64_t now) {
  if (open.state >= 0) slice(kVms, vm, open.name, open.state, now, open.host);
  open.state = -1;
}

void Timeline::write_lives() {
  std::map<std::string, Open> vms;
  for (std::size_t i = 0; i < lifecycle_.size(); ++i) {
    const std::string vm(lifecycle_.text(i, "vm"));
    const std::string_view state = lifecycle_.text(i, "to_state");
    const std::int64_t now = lifecycle_.number(i, "time_ns");
    Open& open = vms[vm];
    close_state(vm, open, now);
    if (open.life >= 0 && !alive(state)) {
      slice(kVms, vm, vm, open.life, now, open.host);
      open.life = -1;
    }
    open.host = lifecycle_.text(i, "host");
    if (!alive(state)) continue;
    if (open.life < 0) open.life = now;
    open.state = now;
    open.name = state;
  }
  for (auto& [vm, open] : vms) {
    close_state(vm, open, end_);
    if (open.life >= 0) slice(kVms, vm, vm, open.life, end_, open.host);
  }
}

void Timeline::write_hosts() {
  std::map<std::string, bool> hosts;
  for (std::size_t i = 0; i < lifecycle_.size(); ++i) hosts[std::string(lifecycle_.text(i, "host"))] = true;
  for (std::size_t i = 0; i < decisions_.size(); ++i) hosts[std::string(decisions_.text(i, "host"))] = true;
  for (const auto& [host, known] : hosts) slice(kHosts, host, host, 0, end_, host);
  for (std::size_t i = 0; i < decisions_.size(); ++i) {
    const auto quoted = [&](std::string_view column) { return json_string(decisions_.text(i, column)); };
    const int tid = track(kHosts, decisions_.text(i, "host"));
    const std::string name = fmt::format("{}: {}", decisions_.text(i, "hook"), decisions_.text(i, "verdict"));
    event(fmt::format(
        R"("ph": "i", "s": "t", "pid": {}, "tid": {}, "ts": {}, "name": {}, "args": {{"id": {}, )"
        R"("subject": {}, "object": {}, "control": {}, "rule": {}, "reason": {}}})",
        kHosts, tid, micros(decisions_.number(i, "time_ns")), json_string(name), decisions_.number(i, "id"),
        quoted("subject"), quoted("object"), quoted("control"), quoted("rule"), quoted("reason")));
  }
}

void Timeline::write_messages() {
  for (std::size_t i = 0; i < messages_.size(); ++i) {
    const auto common = fmt::format(R"("cat": "message", "pid": {}, "tid": 0, "id": {}, "name": {})", kHosts,
                                    i, json_string(messages_.text(i, "method")));
    event(fmt::format(R"("ph": "b", {}, "ts": {}, "args": {{"from": {}, "to": {}, "fate": {}}})", common,
                      micros(messages_.number(i, "sent_ns")), json_string(messages_.text(i, "sender")),
                      json_string(messages_.text(i, "receiver")), json_string(messages_.text(i, "fate"))));
    event(fmt::format(R"("ph": "e", {}, "ts": {})", common, micros(messages_.number(i, "time_ns"))));
  }
}

}  // namespace

void write_chrome(const Trace& trace, const std::string& path) { Timeline(trace, path).write(); }

}  // namespace tvdsim::sim
