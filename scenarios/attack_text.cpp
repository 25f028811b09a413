#include <fmt/format.h>

#include "scenarios/attack_run.hpp"
#include "scenarios/json.hpp"

namespace tvdsim::scenarios {
namespace {

Json json_of(const AttackCell& cell) {
  Json one = Json::object();
  one.add("attack", cell.attack)
      .add("control", cell.control)
      .add("staging", cell.staging)
      .add("mode", cell.mode);
  one.add("outcome", cell.outcome)
      .add("witness", cell.witness)
      .add("harm", cell.harm)
      .add("refused", cell.refused);
  one.add("noticed", cell.noticed).add("worked", cell.worked).add("fingerprint", cell.fingerprint);
  return one;
}

std::string sentence(const Interleavings& orders) {
  return fmt::format("{} {} orders with the control {}: harm in {}, refusal in {}",
                     orders.complete ? "all" : "the first", orders.visited, orders.mode, orders.harmed,
                     orders.refused);
}

}  // namespace

std::string to_text(const AttackCell& cell) {
  return fmt::format("{} {} with {} {}: {}\n  {}\n", cell.attack, cell.staging, cell.control, cell.mode,
                     cell.outcome, cell.witness);
}

std::string to_text(const AttackMatrix& matrix) {
  std::string out = fmt::format("{:<7}{:<20}{:<11}{:<11}{:<11}{}\n", "attack", "control", "off", "monitor",
                                "on", "near miss");
  for (const auto& row : matrix.rows) {
    out += fmt::format("{:<7}{:<20}{:<11}{:<11}{:<11}{}\n", row.attack, row.control, row.off.outcome,
                       row.monitor.outcome, row.on.outcome, row.near_miss.outcome);
  }
  for (const auto& row : matrix.rows) {
    out += fmt::format("\n{} {} ({})\n", row.attack, row.title, row.source);
    for (const auto* cell : {&row.off, &row.monitor, &row.on})
      out += fmt::format("  {:<10} {}\n", cell->mode, cell->witness);
    out += fmt::format("  {:<10} {}\n", "near miss", row.near_miss.witness);
    for (const auto& orders : row.orders) out += fmt::format("  {}\n", sentence(orders));
  }
  return out;
}

std::string to_text(const Ablation& ablation) {
  std::string out;
  for (const auto& row : ablation.rows) {
    out += fmt::format("{} {}\n", row.attack, row.title);
    std::string held;
    for (const auto& cell : row.cells) {
      if (cell.outcome == "harm") {
        out += fmt::format("  without {:<20} harm: {}\n", cell.control, cell.witness);
      } else {
        held += fmt::format("{}{}", held.empty() ? "" : ", ", cell.control);
      }
    }
    out += fmt::format("  held without any one of {}\n", held);
  }
  return out;
}

std::string to_json(const AttackCell& cell) { return to_line(json_of(cell)); }

std::string to_json(const AttackMatrix& matrix) {
  Json rows = Json::array();
  for (const auto& row : matrix.rows) {
    Json one = Json::object();
    one.add("attack", row.attack)
        .add("title", row.title)
        .add("source", row.source)
        .add("control", row.control);
    one.add("off", json_of(row.off))
        .add("monitor", json_of(row.monitor))
        .add("on", json_of(row.on))
        .add("near_miss", json_of(row.near_miss));
    Json all = Json::array();
    for (const auto& orders : row.orders) {
      Json cell = Json::object();
      cell.add("mode", orders.mode).add("visited", orders.visited).add("harmed", orders.harmed);
      all.items.push_back(std::move(cell.add("refused", orders.refused).add("complete", orders.complete)));
    }
    rows.items.push_back(std::move(one.add("orders", std::move(all))));
  }
  Json out = Json::object();
  return to_line(out.add("rows", std::move(rows)));
}

std::string to_json(const Ablation& ablation) {
  Json rows = Json::array();
  for (const auto& row : ablation.rows) {
    Json one = Json::object(), cells = Json::array();
    one.add("attack", row.attack).add("title", row.title).add("control", row.control);
    for (const auto& cell : row.cells) cells.items.push_back(json_of(cell));
    rows.items.push_back(std::move(one.add("cells", std::move(cells))));
  }
  Json out = Json::object();
  return to_line(out.add("rows", std::move(rows)));
}

}  // namespace tvdsim::scenarios
