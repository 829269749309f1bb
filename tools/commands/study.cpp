#include "tools/commands/commands.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <set>
#include <sstream>

#include "mode/evaluation/evaluation.h"
#include "mode/evaluation/metrics.h"
#include "mode/evaluation/study.h"
#include "mode/training/run_directory.h"
#include "mode/training/run_lock.h"
#include "mode/training/trainer.h"
#include "nn/files.h"
#include "nn/safetensors.h"
#include "nn/text.h"
#include "tools/commands/common.h"
#include "tools/commands/interrupt.h"
#include "tools/commands/progress.h"

namespace mode::tools {

namespace {

namespace fs = std::filesystem;

constexpr int64_t most_bytes = 1 << 20;  // of the text files of a study
constexpr int64_t eval_batch = 256;

std::string text_of(const std::string& path) {
  const std::vector<uint8_t> bytes = nn::read_file(path, most_bytes);
  return {bytes.begin(), bytes.end()};
}

std::string directory_of(const StudyOptions& study, uint64_t seed, const std::string& arm) {
  return fmt::format("{}/seed-{}/{}", study.train.out, seed, arm);
}

std::string weights_of(const StudyOptions& study, uint64_t seed, const std::string& arm) {
  return nn::content_hash(nn::read_safetensors(RunDirectory(directory_of(study, seed, arm)).model_path()).tensors);
}

/// These arms train the network of base further.
bool continues_base(const std::string& arm) { return arm == "extra" || arm == "finetune"; }

/// Added to the seed of arms that continue base: with base's seed they would repeat the image order and augmentation of its first epochs.
constexpr uint64_t seed_offset = 1'000'000;

/// The training options of one run.
TrainOptions options_of(const StudyOptions& study, uint64_t seed, const std::string& arm) {
  TrainOptions run = study.train;
  run.seed = continues_base(arm) ? seed + seed_offset : seed;
  run.out = directory_of(study, seed, arm);
  run.given.clear();
  if (arm == "joint") run.alpa = AlpaUse::joint;
  if (!continues_base(arm)) return run;
  run.from = directory_of(study, seed, "base") + "/model.safetensors";
  run.epochs = study.extra_epochs;
  run.lr = study.extra_lr;
  run.warmup_epochs = 0;
  if (arm == "finetune") {
    run.made_by = "finetune";
    run.loss = BaseLoss::none;
    run.alpa = AlpaUse::joint;
    run.alpa_by_image = study.train.loss == BaseLoss::simclr && !study.train.alpa_labels;
    run.label_smoothing = 0;
    run.views = views_of(study.train);  // as extra: the two arms differ in the objective only
    run.given = {"views", "augment"};
  }
  return run;
}

void check_study(const StudyOptions& study, const std::vector<NamedSpec>& ood) {
  const TrainOptions& train = study.train;
  const auto need = [](bool holds, const std::string& message) {
    if (!holds) throw UsageError(message);
  };
  need(!train.out.empty(), "--out DIR is missing");
  need(!train.data.empty(), "--data SPEC is missing, for example --data cifar10:DIR");
  need(!study.id_test.empty(), "--id-test SPEC is missing: test images of the same classes");
  need(!ood.empty(), "--ood NAME=SPEC is missing; give one per test set");
  need(train.loss != BaseLoss::none && train.alpa == AlpaUse::off,
       "--loss none: a study compares a base loss with and without ALPA; use ce, supcon or simclr");
  need(train.schedule != nn::Schedule::Kind::step,
       "--schedule step: the milestones of base do not fit its shorter continuations; use cosine or constant");
  need(std::set<uint64_t>(study.seeds.begin(), study.seeds.end()).size() == study.seeds.size() && !study.seeds.empty(),
       fmt::format("--seeds {}: expected distinct seeds", nn::joined(study.seeds, ",")));
  need(study.extra_epochs > 0 || std::none_of(study.arms.begin(), study.arms.end(), continues_base),
       "--extra-epochs N is missing: the arms extra and finetune need it");
  std::vector<std::string> names;
  for (const NamedSpec& set : ood) {
    names.push_back(set.name);
    need(set.name.find_first_of(",\"\r\n") == std::string::npos,
         fmt::format("--ood {}: expected a name without commas, quotes and line ends", nn::printable(set.name)));
  }
  check_ood_names(names);
  TrainOptions whole = train;  // every given option must belong to some arm
  if (std::any_of(study.arms.begin(), study.arms.end(), [](const std::string& arm) { return arm == "joint" || arm == "finetune"; }))
    whole.alpa = AlpaUse::joint;
  check_options(whole);
  for (const std::string& arm : study.arms) check_options(options_of(study, study.seeds.front(), arm));
}

/// The text of study.txt: one line "name value" per setting.
std::string record_text(const std::string& arm, const std::map<std::string, std::string>& settings) {
  std::string text = fmt::format("arm {}\n", arm);
  for (const auto& [name, value] : settings) text += fmt::format("{} {}\n", name, nn::escaped(value));
  return text;
}

/// Recorded options that may change between commands.
const std::vector<std::string> free_options = {"save-every", "monitor", "from"};

/// A record of an earlier version with today's names and texts of the options; any other text unchanged.
std::string updated(const std::string& record) {
  std::map<std::string, std::string> settings;
  std::istringstream lines(record);
  for (std::string line; std::getline(lines, line);)
    settings[line.substr(0, line.find(' '))] = line.substr(std::min(line.find(' ') + 1, line.size()));
  if (settings.count("arm") == 0) return record;
  TrainOptions options;
  try {
    options_from_text(settings, options);
  } catch (const OptionError&) {
    return record;
  }
  std::map<std::string, std::string> now = options_to_text(options);
  for (const std::string& name : free_options) now.erase(name);
  for (const char* name : {"images", "base"})
    if (settings.count(name) != 0) now[name] = settings[name];
  if (settings.count("pictures") != 0) now["images"] = settings["pictures"];
  return record_text(settings["arm"], now);
}

/// The settings of a run that must not change: its options, its images and the weights it starts from.
std::string record_of(const StudyOptions& study, uint64_t seed, const std::string& arm, const std::string& images) {
  std::map<std::string, std::string> settings = options_to_text(options_of(study, seed, arm));
  for (const std::string& name : free_options) settings.erase(name);
  settings["images"] = images;
  if (continues_base(arm)) settings["base"] = weights_of(study, seed, "base");
  return record_text(arm, settings);
}

/// The first line in which two texts differ, of each text.
std::pair<std::string, std::string> first_difference(const std::string& a, const std::string& b) {
  std::istringstream of_a(a), of_b(b);
  std::string line_of_a, line_of_b;
  do {
    if (!std::getline(of_a, line_of_a)) line_of_a.clear();
    if (!std::getline(of_b, line_of_b)) line_of_b.clear();
  } while (line_of_a == line_of_b && (of_a || of_b));
  return {nn::printable(line_of_a), nn::printable(line_of_b)};
}

/// Writes the record of a new run. A run with another record is an OptionError.
void keep_record(const std::string& run, const std::string& record) {
  const std::string path = run + "/study.txt";
  if (fs::exists(path)) {
    const auto [then, now] = first_difference(updated(text_of(path)), record);
    if (then != now)
      throw UsageError(
          fmt::format("{} was started with '{}', not '{}'; use the same options, remove the directory to train it again, or choose another "
                      "--out",
                      run, then, now));
    return;
  }
  CHECK(!fs::exists(RunDirectory(run).state_path()) && !RunDirectory(run).holds_run(),
        "{} holds a run of another command; choose another --out", run);
  ensure_writable_directory(run);
  nn::write_file(path, record);
}

int train(const StudyOptions& study, uint64_t seed, const std::string& arm) {
  TrainOptions run = options_of(study, seed, arm);
  if (fs::exists(RunDirectory(run.out).state_path())) {
    TrainOptions resumed;
    resumed.out = run.out;
    resumed.made_by = run.made_by;
    resumed.resume = true;
    resumed.threads = run.threads;
    resumed.workers = run.workers;
    resumed.device = run.device;
    resumed.save_every = run.save_every;
    resumed.given = {"device", "save-every"};
    run = resumed;
  }
  return run.made_by == "finetune" ? run_finetune(run) : run_train(run);
}

RunScores judge(const StudyOptions& study, const std::vector<NamedSpec>& ood_specs, uint64_t seed, const std::string& arm) {
  const RunDirectory directory(directory_of(study, seed, arm));
  nn::LoadedModel model = load_usable_model(directory.model_path(), {}, device_of(study.train.device));
  const nn::Framing framing = model.checkpoint.preprocessing.framing();
  const auto extract = [&](const std::string& spec, const std::string& label) {
    return features_of(model, *nn::open_dataset(spec, framing), eval_batch, label);
  };
  const Features train = extract(study.train.data, "ID training"), id_test = extract(study.id_test, "ID test");
  std::vector<OodSet> ood;
  for (const NamedSpec& set : ood_specs) ood.push_back({set.name, extract(set.spec, "OOD " + set.name)});

  DetectorOptions detectors;
  detectors.knn.k = detectors.csd.k = study.k;
  const Evaluation evaluation = evaluate({"knn", "csd"}, detectors, train, id_test, ood);
  RunScores scores;
  scores.knn_accuracy = knn_accuracy(train, id_test, study.k);
  scores.classifier_accuracy = study.train.loss == BaseLoss::cross_entropy && arm != "finetune" ? accuracy(id_test) : std::nan("");
  for (const auto& [method, sets] : evaluation.results)
    for (const auto& [set, of_set] : sets) {
      scores.detections[method][set] = {of_set.paper.fpr95, of_set.paper.auroc};
      if (!of_set.flag.empty()) fmt::print("note: {} on {} of seed {}, {}: {}\n", method, set, seed, arm, of_set.flag);
    }
  return scores;
}

/// Hashes and names of the datasets of a study.
struct Sets {
  std::string images;   ///< hash of the training images
  std::string judging;  ///< K and the test sets, one line each
};

/// Opens every dataset before the training, so that a misspelled name is an error at once.
Sets open_sets(const StudyOptions& study, const std::vector<NamedSpec>& ood) {
  const nn::Framing framing = framing_of(study.train);
  const auto train = nn::open_dataset(study.train.data, framing), test = nn::open_dataset(study.id_test, framing);
  CHECK(train->class_names() == test->class_names(), "--id-test {}: its classes differ from those of --data {}", study.id_test,
        study.train.data);
  for (int64_t index = 0; index < test->size(); ++index)
    CHECK(test->label(index) >= 0, "{}: {} has no label; --id-test needs a label for every image", study.id_test, test->image_name(index));
  CHECK(train->size() >= study.k, "--k {} exceeds the {} training images of {}; choose a smaller K", study.k, train->size(),
        study.train.data);
  Sets sets{hash_of(*train), fmt::format("k {}\nid-test {} {}\n", study.k, hash_of(*test), nn::escaped(study.id_test))};
  for (const NamedSpec& of : ood) {
    const auto set = nn::open_dataset(of.spec, framing);
    CHECK(set->size() > 0, "{} has no images", of.spec);
    sets.judging += fmt::format("ood {} {}={}\n", hash_of(*set), nn::escaped(of.name), nn::escaped(of.spec));
  }
  return sets;
}

}  // namespace

const std::vector<std::string>& study_arms() {
  static const std::vector<std::string> arms = {"base", "extra", "joint", "finetune"};
  return arms;
}

StudyOptions study_defaults() {
  StudyOptions study;
  study.train.val_fraction = 0;
  return study;
}

int run_study(const StudyOptions& options) {
  StudyOptions study = options;
  if (study.train.preset == "list") {
    fmt::print("{}", describe_presets());
    return 0;
  }
  study.train = with_preset(study.train);
  study.train.preset.clear();
  std::vector<std::string> chosen = study.arms;
  if (chosen.empty()) chosen = study_arms();
  study.arms.clear();  // in the table's order, with base where another arm continues it
  for (const std::string& arm : study_arms())
    if (std::find(chosen.begin(), chosen.end(), arm) != chosen.end() ||
        (arm == "base" && std::any_of(chosen.begin(), chosen.end(), continues_base)))
      study.arms.push_back(arm);
  std::vector<NamedSpec> ood;
  for (const std::string& text : study.ood) ood.push_back(parse_named_spec(text));
  check_study(study, ood);
  device_of(study.train.device);
  use_threads(static_cast<int>(study.train.threads));
  const Sets sets = open_sets(study, ood);
  ensure_writable_directory(study.train.out);
  const RunLock lock(study.train.out);
  nn::remove_unfinished(study.train.out);
  const InterruptGuard guard;

  Study table{.arms = study.arms, .methods = {"knn", "csd"}, .sets = {}, .seeds = study.seeds, .epochs = {}, .runs = {}};
  for (const NamedSpec& set : ood) table.sets.push_back(set.name);
  for (const std::string& arm : study.arms)
    table.epochs[arm] =
        continues_base(arm) ? fmt::format("{} + {}", study.train.epochs, study.extra_epochs) : std::to_string(study.train.epochs);
  const Progress clock("study", 0, "");
  size_t number = 0;
  for (const uint64_t seed : study.seeds)
    for (const std::string& arm : study.arms) {
      fmt::print("\nstudy      seed {}, {}: run {} of {}, {} so far\n", seed, arm, ++number, study.seeds.size() * study.arms.size(),
                 format_seconds(clock.seconds()));
      std::fflush(stdout);
      const std::string run = directory_of(study, seed, arm), path = run + "/scores.csv", judged = run + "/judged.txt";
      keep_record(run, record_of(study, seed, arm, sets.images));
      const auto judging = [&] { return fmt::format("{}weights {}\n", sets.judging, weights_of(study, seed, arm)); };
      if (!fs::exists(path) || !fs::exists(judged) || text_of(judged) != judging()) {
        int status = train(study, seed, arm);
        if (status == 0) {
          const RunScores scores = judge(study, ood, seed, arm);
          fs::remove(path);  // scores.csv must never belong to another judged.txt
          nn::write_file(judged, judging());
          nn::write_file(path, scores_to_csv(scores));
          if (guard.interrupted()) status = status_interrupted;
        }
        if (status != 0) {
          fmt::print("interrupted; the same mode study command resumes it\n");
          return status;
        }
      }
      const RunScores& scores = table.runs[arm][seed] = scores_from_csv(text_of(path), path);
      for (const std::string& method : table.methods)
        for (const std::string& set : table.sets)
          CHECK(scores.detections.count(method) == 1 && scores.detections.at(method).count(set) == 1,
                "{} lacks the scores of {} on {}; delete it to score the run again", path, method, set);
    }
  nn::write_file(study.train.out + "/study.csv", study_to_csv(table));
  fmt::print("\n{}, loss {}, K = {} for both methods\n{}\nscores     {}/study.csv\n", study.train.arch,
             nn::name_of(study.train.loss, base_losses()), study.k, format_study(table), study.train.out);
  return 0;
}

}  // namespace mode::tools
