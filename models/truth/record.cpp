#include "models/truth/record.hpp"

#include <algorithm>
#include <utility>

#include "models/truth/books.hpp"
#include "sim/base/error.hpp"

namespace tvdsim::models {

std::string_view to_text(Medium medium) noexcept {
  switch (medium) {
    case Medium::page:
      return "page";
    case Medium::event:
      return "event";
    case Medium::disk:
      return "disk";
    case Medium::frame:
      return "frame";
  }
  return "";
}

std::uint32_t Truth::Books::workload(std::string_view name) {
  const auto found = std::find(workloads.begin(), workloads.end(), name);
  if (found != workloads.end()) return static_cast<std::uint32_t>(found - workloads.begin());
  workloads.emplace_back(name);
  return static_cast<std::uint32_t>(workloads.size() - 1);
}

static Truth::Books::TaintId intern(Truth::Books& books, std::vector<std::uint32_t> set) {
  if (set.empty()) return 0;
  const auto next = static_cast<Truth::Books::TaintId>(books.taints.size());
  const auto [at, fresh] = books.taint_ids.try_emplace(set, next);
  if (fresh) {
    TVDSIM_ASSERT(books.taints.size() < 0xffff, "more sets of workloads mingle than a shadow byte can name");
    books.taints.push_back(std::move(set));
  }
  return at->second;
}

Truth::Books::TaintId Truth::Books::taint_of(std::uint32_t which) { return intern(*this, {which}); }

Truth::Books::TaintId Truth::Books::unite(TaintId a, TaintId b) {
  if (a == b || b == 0) return a;
  if (a == 0) return b;
  const auto key = std::minmax(a, b);
  const auto known = unions.find(key);
  if (known != unions.end()) return known->second;
  std::vector<std::uint32_t> both;
  std::set_union(taints[a].begin(), taints[a].end(), taints[b].begin(), taints[b].end(),
                 std::back_inserter(both));
  const TaintId id = intern(*this, std::move(both));
  unions.emplace(key, id);
  return id;
}

Truth::Books::TaintId Truth::Books::taint_at(const Place& place, std::uint64_t offset, std::uint64_t size) {
  TaintId all = 0;
  for (std::uint64_t at = offset; at < offset + size;) {
    const std::uint64_t stop = std::min(offset + size, (at / kPage + 1) * kPage);
    const auto page = place.shadow.find(at / kPage);
    if (page == place.shadow.end()) {
      at = stop;
      continue;
    }
    for (; at < stop; ++at) all = unite(all, (*page->second)[at % kPage]);
  }
  return all;
}

void Truth::Books::put(Place& place, std::uint64_t offset, TaintId taint) {
  auto& page = place.shadow[offset / kPage];
  if (!page) page = std::make_unique<ShadowPage>();
  (*page)[offset % kPage] = taint;
}

void Truth::Books::remember(Place& place, TaintId taint) {
  for (const std::uint32_t which : taints[taint]) {
    if (place.ever.size() <= which) place.ever.resize(which + 1);
    place.ever[which] = true;
  }
}

std::string Truth::Books::words(TaintId taint) const {
  std::vector<std::string> names;
  for (const std::uint32_t which : taints[taint]) names.push_back(workloads[which]);
  std::sort(names.begin(), names.end());
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
  return text;
}

const Truth::Books::Place* Truth::Books::find(std::string_view name) const {
  for (const Place& place : places) {
    if (place.name == name) return &place;
  }
  return nullptr;
}

Truth::Truth(sim::Trace& trace)
    : books_(std::make_unique<Books>(trace)), reader_(std::make_unique<TruthReader>(*books_)) {}
Truth::~Truth() = default;

RegionId Truth::add_region(std::string_view name) {
  books_->places.push_back({std::string(name), {}, {}});
  return {static_cast<std::uint32_t>(books_->places.size() - 1)};
}

void Truth::wrote(RegionId region, std::uint64_t offset, std::uint64_t size, std::string_view workload) {
  if (size == 0) return;
  auto& place = books_->places.at(region.value);
  const auto taint = books_->taint_of(books_->workload(workload));
  for (std::uint64_t i = 0; i < size; ++i) books_->put(place, offset + i, taint);
  books_->remember(place, taint);
}

void Truth::copied(RegionId from, std::uint64_t from_offset, RegionId to, std::uint64_t to_offset,
                   std::uint64_t size) {
  // The taints are read before any is written: the two stretches may lie in one region and overlap.
  std::vector<Books::TaintId> taints(size);
  const auto& source = books_->places.at(from.value);
  for (std::uint64_t i = 0; i < size; ++i) {
    const auto page = source.shadow.find((from_offset + i) / Books::kPage);
    if (page != source.shadow.end()) taints[i] = (*page->second)[(from_offset + i) % Books::kPage];
  }
  auto& target = books_->places.at(to.value);
  for (std::uint64_t i = 0; i < size; ++i) {
    if (taints[i] == 0 && !target.shadow.contains((to_offset + i) / Books::kPage)) continue;
    books_->put(target, to_offset + i, taints[i]);
    if (i == 0 || taints[i] != taints[i - 1]) books_->remember(target, taints[i]);
  }
}

void Truth::cleared(RegionId region) { books_->places.at(region.value).shadow.clear(); }

void Truth::cleared_page(RegionId region, std::uint64_t page) {
  books_->places.at(region.value).shadow.erase(page);
}

void Truth::flow(sim::Time when, std::string_view source, std::string_view target, Medium medium,
                 RegionId carrier, std::uint64_t offset, std::uint64_t size) {
  const auto taint = books_->taint_at(books_->places.at(carrier.value), offset, size);
  TruthReader::Edge edge{when, std::string(source), std::string(target), medium, {}, size, 0, when};
  for (const std::uint32_t which : books_->taints[taint]) edge.taint.push_back(books_->workloads[which]);
  std::sort(edge.taint.begin(), edge.taint.end());
  auto& trace = books_->trace;
  trace.append(sim::rows::truth_flows{.time_ns = when,
                                      .source = trace.text(source),
                                      .target = trace.text(target),
                                      .medium = trace.text(to_text(medium)),
                                      .taint = trace.text(books_->words(taint)),
                                      .size_bytes = size});
  books_->edges.push_back(std::move(edge));
}

void Truth::signal(sim::Time when, std::string_view source, std::string_view target,
                   std::string_view workload, std::uint64_t count) {
  auto& trace = books_->trace;
  trace.append(sim::rows::truth_flows{.time_ns = when,
                                      .source = trace.text(source),
                                      .target = trace.text(target),
                                      .medium = trace.text(to_text(Medium::event)),
                                      .taint = trace.text(workload),
                                      .size_bytes = 0});
  books_->edges.push_back({when,
                           std::string(source),
                           std::string(target),
                           Medium::event,
                           {std::string(workload)},
                           count,
                           0,
                           when});
}

FrameFlowId Truth::frame(sim::Time when, std::string_view source, std::string_view target,
                         std::string_view workload, std::uint64_t size) {
  auto& trace = books_->trace;
  trace.append(sim::rows::truth_flows{.time_ns = when,
                                      .source = trace.text(source),
                                      .target = trace.text(target),
                                      .medium = trace.text(to_text(Medium::frame)),
                                      .taint = trace.text(workload),
                                      .size_bytes = size});
  books_->edges.push_back({when,
                           std::string(source),
                           std::string(target),
                           Medium::frame,
                           {std::string(workload)},
                           size,
                           1,
                           when});
  return {static_cast<std::uint32_t>(books_->edges.size() - 1)};
}

void Truth::frame_again(FrameFlowId flow, sim::Time when, std::uint64_t size) noexcept {
  auto& edge = books_->edges[flow.value];
  edge.size += size;
  edge.frames += 1;
  edge.last = when;
}

void Truth::runs(sim::Time when, std::string_view vm, std::string_view host, std::string_view workload) {
  books_->open_stays.push_back(books_->stays.size());
  books_->stays.push_back(
      {std::string(vm), std::string(host), std::string(workload), when, sim::Time::never()});
}

void Truth::halts(sim::Time when, std::string_view vm, std::string_view host) {
  auto& open = books_->open_stays;
  for (std::size_t i = 0; i < open.size(); ++i) {
    auto& stay = books_->stays[open[i]];
    if (stay.vm != vm || stay.where != host) continue;
    stay.until = when;
    open.erase(open.begin() + static_cast<std::ptrdiff_t>(i));
    return;
  }
}

void Truth::drives(sim::Time when, std::string_view vm, std::string_view device) {
  books_->drivers.push_back({std::string(vm), std::string(device), {}, when, sim::Time::never()});
}

void Truth::releases(sim::Time when, std::string_view vm, std::string_view device) {
  for (auto& stay : books_->drivers) {
    if (stay.vm == vm && stay.where == device && stay.until == sim::Time::never()) stay.until = when;
  }
}

void Truth::executed(sim::Time when, std::string_view entity, std::string_view code,
                     std::string_view digest) {
  books_->executed.push_back({when, std::string(entity), std::string(code)});
  sim::Trace& trace = books_->trace;
  trace.append(sim::rows::truth_executions{
      .time_ns = when, .entity = trace.text(entity), .code = trace.text(code), .digest = trace.text(digest)});
}

void Truth::compromised(sim::Time when, std::string_view entity, std::string_view cause) {
  books_->compromised.push_back({when, std::string(entity), std::string(cause)});
  sim::Trace& trace = books_->trace;
  trace.append(sim::rows::truth_compromises{
      .time_ns = when, .entity = trace.text(entity), .cause = trace.text(cause)});
}

const TruthReader& Truth::reader() const noexcept { return *reader_; }

}  // namespace tvdsim::models
