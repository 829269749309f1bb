#include "tools/commands/commands.h"

#include <algorithm>
#include <cmath>

#include "mode/evaluation/evaluation.h"
#include "nn/atomic_file.h"
#include "tools/commands/common.h"
#include "tools/commands/progress.h"

namespace mode::tools {

namespace {

using Reduce = NeighborOptions::Reduce;

/// One row of a table: csd with everything as in the paper but what the table varies.
struct Variant {
  std::string table, name;
  NeighborOptions options;
};

std::vector<Variant> variants_of(const AblateOptions& options, const Features& train) {
  const NeighborOptions paper = {.k = options.k, .scale_sets = csd_scale_sets(), .seed = options.seed};
  std::vector<Variant> variants;
  const auto add = [&](const char* table, const std::string& name, const NeighborOptions& changed) {
    variants.push_back({table, name, changed});
  };

  for (const std::vector<std::string>& sets : std::vector<std::vector<std::string>>{{"global"},
                                                                                    {"quadrants"},
                                                                                    {"center"},
                                                                                    {"global", "quadrants"},
                                                                                    {"global", "center"},
                                                                                    csd_scale_sets(),
                                                                                    {"global", "quadrants", "center", "grid3"},
                                                                                    {"all"},
                                                                                    {"global", "all"}}) {
    const bool extracted = std::all_of(sets.begin(), sets.end(), [&](const std::string& set) {
      return std::any_of(train.scales.begin(), train.scales.end(), [&](const Scale& scale) { return scale.set == set; });
    });
    if (!extracted) continue;  // the map is too small: said when the features came
    NeighborOptions changed = paper;
    changed.scale_sets = sets;
    add("scales", join(sets, "+"), changed);
  }
  for (const int64_t k : {1, 2, 5, 10, 20, 50, 100, 200}) {
    NeighborOptions changed = paper;
    changed.k = k;
    add("K", std::to_string(k), changed);
  }
  for (const bool cross : {true, false})
    for (const Reduce reduce : {Reduce::min, Reduce::mean, Reduce::max}) {
      NeighborOptions changed = paper;
      changed.cross = cross;
      changed.reduce = reduce;
      add("matching",
          fmt::format("{}, {}", cross ? "cross" : "same",
                      reduce == Reduce::min    ? "min"
                      : reduce == Reduce::mean ? "mean"
                                               : "max"),
          changed);
    }
  const int64_t rows = train.size() * static_cast<int64_t>(std::count_if(train.scales.begin(), train.scales.end(), [](const Scale& scale) {
                         const std::vector<std::string>& sets = csd_scale_sets();
                         return std::find(sets.begin(), sets.end(), scale.set) != sets.end();
                       }));
  add("bank", "all", paper);
  for (const int64_t share : {10, 100})
    for (const BankChoice choice : {BankChoice::random, BankChoice::kcenter}) {
      NeighborOptions changed = paper;
      changed.bank_rows = std::max<int64_t>(1, rows / share);
      changed.bank_choice = choice;
      add("bank", fmt::format("1/{} {}", share, choice == BankChoice::random ? "random" : "k-center"), changed);
    }
  return variants;
}

/// "12.34 / 97.12" in %, or why there is none.
std::string cell(double fpr95, double auroc) { return fmt::format("{:.2f} / {:.2f}", 100 * fpr95, 100 * auroc); }

struct Line {
  std::string csv, text;
};

/// One variant on every set: its line of the table and of the file.
Line line_of(const Variant& variant, const Features& train, const Features& id_test, const std::vector<OodSet>& ood) {
  Line line;
  const auto detector = make_neighbor_detector("csd", variant.options);
  try {
    detector->fit(train);
  } catch (const tensor::Error& error) {  // a K beyond a small bank
    line.text = fmt::format("  {:<34} {}\n", variant.name, error.what());
    return line;
  }
  const std::vector<double> id_scores = detector->score(id_test).to_vector();
  line.text = fmt::format("  {:<34}", variant.name);
  double fpr95 = 0, auroc = 0;
  int64_t valid = 0;
  for (const OodSet& set : ood) {
    const Metrics metrics = evaluate_scores(id_scores, detector->score(set.features).to_vector());
    line.text += fmt::format(" {:>15}", metrics.valid ? cell(metrics.paper.fpr95, metrics.paper.auroc) : "n/a");
    if (!metrics.valid) continue;
    line.csv += fmt::format("{},\"{}\",{},{},{}\n", variant.table, variant.name, set.name, metrics.paper.fpr95, metrics.paper.auroc);
    fpr95 += metrics.paper.fpr95;
    auroc += metrics.paper.auroc;
    ++valid;
  }
  const auto count = static_cast<double>(valid);
  line.text += fmt::format(" {:>15}   {}\n", valid > 0 ? cell(fpr95 / count, auroc / count) : "n/a", detector->settings());
  return line;
}

}  // namespace

int run_ablate(const AblateOptions& options) {
  std::vector<NamedSpec> specs;
  for (const std::string& text : options.ood) specs.push_back(parse_named_spec(text));
  std::vector<std::string> names;
  for (const NamedSpec& spec : specs) names.push_back(spec.name);
  check_ood_names(names);
  const tensor::Device device = device_of(options.device);
  use_threads(options.threads);
  if (!options.out.empty()) ensure_writable_file(options.out);

  nn::LoadedModel model = load_usable_model(options.model, {.arch = options.arch, .mean = options.mean, .std = options.std}, device);
  fmt::print("mode ablate: {} from {}; {}\n", model.net->arch(), options.model, machine_line(device));
  const nn::Framing framing = model.checkpoint.preprocessing.framing();
  const auto train_set = nn::open_dataset(options.id, framing), test_set = nn::open_dataset(options.id_test, framing);
  std::vector<std::unique_ptr<nn::Dataset>> ood_sets;
  for (const NamedSpec& spec : specs) ood_sets.push_back(nn::open_dataset(spec.spec, framing));

  const std::vector<std::string>& scale_sets = known_scale_sets();
  const Features train = features_of(model, *train_set, options.batch, "ID training", scale_sets);
  const Features id_test = features_of(model, *test_set, options.batch, "ID test", scale_sets);
  std::vector<OodSet> ood;
  for (size_t at = 0; at < specs.size(); ++at)
    ood.push_back({specs[at].name, features_of(model, *ood_sets[at], options.batch, "OOD " + specs[at].name, scale_sets)});

  fmt::print(
      "\nFPR95 / AUROC in %, as the papers count them; each table varies one choice of csd (K = {}, {}, cross, min, the whole bank).\n"
      "Choose by a validation set, never by the sets whose numbers are reported.\n",
      options.k, join(csd_scale_sets(), "+"));
  std::string csv = "table,variant,set,fpr95,auroc\n", table;
  for (const Variant& variant : variants_of(options, train)) {
    if (variant.table != table) {
      table = variant.table;
      fmt::print("\n{:<36}", table);
      for (const std::string& name : names) fmt::print(" {:>15}", name);
      fmt::print(" {:>15}\n", "mean");
    }
    const Line line = line_of(variant, train, id_test, ood);
    fmt::print("{}", line.text);
    std::fflush(stdout);
    csv += line.csv;
  }
  if (!options.out.empty()) {
    nn::write_file(options.out, csv);
    fmt::print("\ntable      {}\n", options.out);
  }
  return 0;
}

}  // namespace mode::tools
