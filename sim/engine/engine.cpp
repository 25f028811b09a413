#include "sim/engine/engine.hpp"

#include <chrono>
#include <limits>
#include <map>
#include <string>

#include "sim/base/error.hpp"
#include "sim/engine/event_heap.hpp"

namespace tvdsim::sim {
namespace {

// How many events are handled between two looks at the wall clock.
constexpr std::uint64_t kProgressStride = 4096;

struct Kind {
  std::string name;
  Handler handler;
};

}  // namespace

struct Engine::Impl {
  using Clock = std::chrono::steady_clock;

  explicit Impl(std::uint64_t with_seed) : seed(with_seed) {}

  std::uint64_t seed;
  Time now;
  std::uint64_t handled = 0;
  EventHeap heap;
  std::vector<Kind> kinds;
  std::vector<Source*> sources;
  Chooser* chooser = nullptr;
  std::vector<Event> tied;
  Trace trace;
  std::map<std::string, Stream, std::less<>> streams;
  void (*progress)(void*, Time, std::uint64_t) = nullptr;
  void* progress_self = nullptr;
  Clock::time_point reported = Clock::now();

  Time next_source_date();
  void advance_sources(Time to);
  Event take();
  void handle(const Event& event);
  void report_progress();
};

Time Engine::Impl::next_source_date() {
  Time next = Time::never();
  for (Source* source : sources) {
    const Time date = source->next_date();
    TVDSIM_ASSERT(date >= now, "a source's next date lies in the past");
    if (date < next) next = date;
  }
  return next;
}

// In the order in which they were added; what one delivers may already have advanced another.
void Engine::Impl::advance_sources(Time to) {
  now = to;
  for (std::size_t i = 0; i < sources.size(); ++i) {
    if (sources[i]->next_date() == to) sources[i]->advance(to);
  }
}

// The next event; of several due at one instant the chooser picks, seeing them in registration order.
Event Engine::Impl::take() {
  if (!chooser) return heap.pop();
  tied.clear();
  tied.push_back(heap.pop());
  for (const Event* next = heap.top(); next && next->time == tied.front().time; next = heap.top()) {
    tied.push_back(heap.pop());
  }
  std::size_t chosen = 0;
  if (tied.size() > 1) chosen = chooser->choose(tied);
  TVDSIM_ASSERT(chosen < tied.size(), "a chooser picked an event that is not there");
  for (std::size_t i = 0; i < tied.size(); ++i) {
    if (i != chosen) heap.put_back(tied[i]);
  }
  return tied[chosen];
}

void Engine::Impl::handle(const Event& event) {
  now = event.time;
  trace.append(rows::events{event.time, event.kind, event.target, event.data});
  // A copy: the handler may register kinds, which moves the table.
  const Handler handler = kinds[event.kind].handler;
  handler.call(handler.self, event);
}

void Engine::Impl::report_progress() {
  const auto wall = Clock::now();
  if (wall - reported < std::chrono::seconds(1)) return;
  reported = wall;
  progress(progress_self, now, handled);
}

Engine::Engine(std::uint64_t seed) : impl_(std::make_unique<Impl>(seed)) {}
Engine::~Engine() = default;

Time Engine::now() const noexcept { return impl_->now; }
std::uint64_t Engine::seed() const noexcept { return impl_->seed; }
Trace& Engine::trace() noexcept { return impl_->trace; }

Stream& Engine::stream(std::string_view name) {
  auto found = impl_->streams.find(name);
  if (found == impl_->streams.end()) {
    found = impl_->streams.emplace(std::string(name), Stream(impl_->seed, name)).first;
  }
  return found->second;
}

EventKind Engine::kind(std::string_view name, Handler handler) {
  TVDSIM_ASSERT(handler.call, "a kind of event needs a handler");
  for (const auto& known : impl_->kinds)
    TVDSIM_ASSERT(known.name != name, "a kind of event is registered twice");
  const auto kind = static_cast<EventKind>(impl_->kinds.size());
  impl_->kinds.push_back({std::string(name), handler});
  impl_->trace.append(rows::kinds{kind, impl_->trace.text(name)});
  return kind;
}

std::string_view Engine::kind_name(EventKind kind) const noexcept {
  TVDSIM_ASSERT(kind < impl_->kinds.size(), "no such kind of event");
  return impl_->kinds[kind].name;
}

std::uint64_t Engine::at(Time at, EventKind kind, std::uint32_t target, std::uint64_t data) {
  TVDSIM_ASSERT(at >= impl_->now, "an event is scheduled in the past");
  TVDSIM_ASSERT(at < Time::never(), "an event is scheduled at the end of time");
  TVDSIM_ASSERT(kind < impl_->kinds.size(), "an event is of no registered kind");
  return impl_->heap.push(at, kind, target, data);
}

std::uint64_t Engine::after(Duration delay, EventKind kind, std::uint32_t target, std::uint64_t data) {
  TVDSIM_ASSERT(delay.ns >= 0, "a delay is negative");
  TVDSIM_ASSERT(delay.ns < std::numeric_limits<std::int64_t>::max() - impl_->now.ns,
                "a delay leads past the end of time");
  return at(impl_->now + delay, kind, target, data);
}

void Engine::cancel(std::uint64_t order) { impl_->heap.cancel(order); }

void Engine::add(Source& source) { impl_->sources.push_back(&source); }
void Engine::set_chooser(Chooser* chooser) noexcept { impl_->chooser = chooser; }

Duration Engine::charge(Cause cause, Duration duration) noexcept {
  impl_->trace.charge(cause, duration);
  return duration;
}

Engine::End Engine::run_until(Time until, const std::atomic<bool>* stop) {
  Impl& self = *impl_;
  RunContext& context = run_context();
  context.seed = self.seed;
  for (;;) {
    if (stop && stop->load(std::memory_order_relaxed)) return End::stopped;
    const Time source_date = self.next_source_date();
    const Event* top = self.heap.top();
    const Time own_date = top ? top->time : Time::never();
    if (source_date == Time::never() && own_date == Time::never()) {
      if (until != Time::never() && until > self.now) self.now = until;
      return End::finished;
    }
    if (source_date > until && own_date > until) {
      if (until > self.now) self.now = until;
      return End::reached;
    }
    if (source_date <= own_date) {
      self.advance_sources(source_date);
      continue;
    }
    const Event event = self.take();
    context.event = ++self.handled;
    self.handle(event);
    if (self.progress && self.handled % kProgressStride == 0) self.report_progress();
  }
}

std::uint64_t Engine::events_handled() const noexcept { return impl_->handled; }
std::uint64_t Engine::events_pending() const noexcept { return impl_->heap.size(); }

void Engine::on_progress(void (*call)(void* self, Time now, std::uint64_t events), void* self) {
  impl_->progress = call;
  impl_->progress_self = self;
}

}  // namespace tvdsim::sim
