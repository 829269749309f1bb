#include <fmt/format.h>

#include "mode/evaluation/ablation.h"
#include "mode/evaluation/tables.h"
#include "nn/files.h"
#include "nn/text.h"
#include "tools/commands/commands.h"
#include "tools/commands/common.h"

namespace mode::tools {

namespace {

/// A line of the table: the variant, FPR95 / AUROC of each set and their mean, the settings.
void print_row(const AblationRow& row) {
  fmt::print("  {:<34}", row.variant.name);
  if (!row.fault.empty()) {
    fmt::print(" {}\n", row.fault);
  } else {
    for (const Metrics& set : row.sets) fmt::print(" {:>15}", metrics_cell(set));
    fmt::print(" {:>15}   {}\n", metrics_cell(row.mean), row.settings);
  }
  std::fflush(stdout);
}

}  // namespace

int run_ablate(const AblateOptions& options) {
  const std::vector<NamedSpec> specs = parse_ood(options.ood);
  const tensor::Device device = device_of(options.device);
  use_threads(options.threads);
  if (!options.out.empty()) ensure_writable_file(options.out);

  nn::LoadedModel model = load_usable_model(options.model, {.arch = options.arch, .mean = options.mean, .std = options.std}, device);
  fmt::print("mode ablate: {} from {}; {}\n", model.net->arch(), options.model, machine_line(device));
  const nn::Framing framing = model.checkpoint.preprocessing.framing();
  const auto train_set = nn::open_dataset(options.id, framing), test_set = nn::open_dataset(options.id_test, framing);
  std::vector<std::unique_ptr<nn::Dataset>> ood_sets;
  for (const NamedSpec& spec : specs) ood_sets.push_back(nn::open_dataset(spec.spec, framing));

  const auto extract = [&](const nn::Dataset& dataset, const std::string& label) {
    return features_of(model, dataset, options.batch, label, known_scale_sets());
  };
  const Features train = extract(*train_set, "ID training"), id_test = extract(*test_set, "ID test");
  std::vector<OodSet> ood;
  for (size_t at = 0; at < specs.size(); ++at) ood.push_back({specs[at].name, extract(*ood_sets[at], "OOD " + specs[at].name)});

  fmt::print(
      "\nFPR95 / AUROC in %, by the papers' definition. Each table varies one choice of csd; the others are K = {}, {}, cross, min, the\n"
      "whole bank. Make choices on a validation OOD set, not on the reported sets.\n",
      options.k, nn::joined(csd_scale_sets(), "+"));
  std::vector<AblationRow> rows;
  for (const AblationVariant& variant : ablation_variants(train, options.k, options.seed)) {
    if (rows.empty() || rows.back().variant.table != variant.table) {
      fmt::print("\n{:<36}", variant.table);
      for (const OodSet& set : ood) fmt::print(" {:>15}", set.name);
      fmt::print(" {:>15}\n", "mean");
    }
    rows.push_back(run_variant(variant, train, id_test, ood));
    print_row(rows.back());
  }
  if (!options.out.empty()) {
    nn::write_file(options.out, ablation_csv(rows, ood));
    fmt::print("\ntable      {}\n", options.out);
  }
  return 0;
}

}  // namespace mode::tools
