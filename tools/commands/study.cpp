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

constexpr int64_t longest_file = 1 << 20;  // of the study's own texts
constexpr int64_t images_at_once = 256;    // when features are extracted

std::string text_of(const std::string& path) {
  const std::vector<uint8_t> bytes = nn::read_file(path, longest_file);
  return {bytes.begin(), bytes.end()};
}

std::string directory_of(const StudyOptions& study, uint64_t seed, const std::string& arm) {
  return fmt::format("{}/seed-{}/{}", study.train.out, seed, arm);
}

std::string weights_of(const StudyOptions& study, uint64_t seed, const std::string& arm) {
  return nn::content_hash(nn::read_safetensors(RunDirectory(directory_of(study, seed, arm)).model_path()).tensors);
}

bool goes_on(const std::string& arm) { return arm == "extra" || arm == "finetune"; }

/// What follows base shuffles and augments anew: by base's seed it would see base's first epochs again.
constexpr uint64_t apart = 1'000'000;

/// What one run is told.
TrainOptions options_of(const StudyOptions& study, uint64_t seed, const std::string& arm) {
  TrainOptions run = study.train;
  run.seed = goes_on(arm) ? seed + apart : seed;
  run.out = directory_of(study, seed, arm);
  run.given.clear();
  if (arm == "joint") run.alpa = "joint";
  if (!goes_on(arm)) return run;
  run.from = directory_of(study, seed, "base") + "/model.safetensors";
  run.epochs = study.extra_epochs;
  run.lr = study.extra_lr;
  run.warmup_epochs = 0;
  if (arm == "finetune") {
    run.made_by = "finetune";
    run.loss = "none";
    run.alpa = "joint";
    run.alpa_by_image = study.train.loss == "simclr" && !study.train.alpa_labels;
    run.label_smoothing = 0;            // cross-entropy's alone
    run.views = views_of(study.train);  // the same images as extra sees: they differ in what is minimized, and in nothing else
    run.given = {"views", "augment"};
  }
  return run;
}

void check_study(const StudyOptions& study, const std::vector<NamedSpec>& ood) {
  const TrainOptions& train = study.train;
  const auto need = [](bool holds, const std::string& message) {
    if (!holds) throw UsageError(message);
  };
  need(!train.out.empty(), "--out DIR is needed");
  need(!train.data.empty(), "--data SPEC is needed, for example --data cifar10:DIR");
  need(!study.id_test.empty(), "--id-test SPEC is needed: images of the same classes that are not trained on");
  need(!ood.empty(), "--ood NAME=SPEC is needed, once for each set");
  need(train.loss != "none" && train.alpa == "off", "a study compares a loss without ALPA and with it: take --loss ce, supcon or simclr");
  need(train.schedule != "step", "--schedule step: milestones of the base are not those of a shorter run; take cosine or constant");
  need(std::set<uint64_t>(study.seeds.begin(), study.seeds.end()).size() == study.seeds.size() && !study.seeds.empty(),
       fmt::format("--seeds {}: expected seeds that differ", nn::joined(study.seeds, ",")));
  need(study.extra_epochs > 0 || std::none_of(study.arms.begin(), study.arms.end(), goes_on),
       "--extra-epochs N is needed by the arms extra and finetune");
  std::vector<std::string> names;
  for (const NamedSpec& set : ood) {
    names.push_back(set.name);
    need(set.name.find_first_of(",\"\r\n") == std::string::npos,
         fmt::format("--ood {}: a name without commas, please", nn::printable(set.name)));
  }
  check_ood_names(names);
  TrainOptions whole = train;  // what the command line named must belong to some arm
  if (std::any_of(study.arms.begin(), study.arms.end(), [](const std::string& arm) { return arm == "joint" || arm == "finetune"; }))
    whole.alpa = "joint";
  check_options(whole);
  for (const std::string& arm : study.arms) check_options(options_of(study, study.seeds.front(), arm));
}

/// What must be the same when the study goes on with a run, a line each: its settings, its images and the network it begins with.
std::string record_of(const StudyOptions& study, uint64_t seed, const std::string& arm, const std::string& images) {
  std::map<std::string, std::string> settings = options_to_text(options_of(study, seed, arm));
  for (const char* free : {"save-every", "val", "from"}) settings.erase(free);
  settings["images"] = images;
  if (goes_on(arm)) settings["base"] = weights_of(study, seed, "base");
  std::string text = fmt::format("arm {}\n", arm);
  for (const auto& [name, value] : settings) text += fmt::format("{} {}\n", name, nn::escaped(value));
  return text;
}

/// The first line that two texts of lines do not share, from each.
std::pair<std::string, std::string> first_difference(const std::string& a, const std::string& b) {
  std::istringstream of_a(a), of_b(b);
  std::string line_of_a, line_of_b;
  do {
    if (!std::getline(of_a, line_of_a)) line_of_a.clear();
    if (!std::getline(of_b, line_of_b)) line_of_b.clear();
  } while (line_of_a == line_of_b && (of_a || of_b));
  return {nn::printable(line_of_a), nn::printable(line_of_b)};
}

/// Refuses a run that was begun otherwise; writes down how this one begins.
void keep_record(const std::string& run, const std::string& record) {
  const std::string path = run + "/study.txt";
  if (fs::exists(path)) {
    const auto [then, now] = first_difference(text_of(path), record);
    if (then != now)
      throw UsageError(
          fmt::format("{} was begun with '{}', not '{}'; give it the same settings, remove it to have it trained again, or take "
                      "another --out",
                      run, then, now));
    return;
  }
  CHECK(!fs::exists(RunDirectory(run).state_path()) && !RunDirectory(run).holds_run(),
        "{} holds a run that no study began; take another --out", run);
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
    return features_of(model, *nn::open_dataset(spec, framing), images_at_once, label);
  };
  const Features train = extract(study.train.data, "ID training"), id_test = extract(study.id_test, "ID test");
  std::vector<OodSet> ood;
  for (const NamedSpec& set : ood_specs) ood.push_back({set.name, extract(set.spec, "OOD " + set.name)});

  DetectorOptions detectors;
  detectors.knn.k = detectors.csd.k = study.k;
  const Evaluation evaluation = evaluate({"knn", "csd"}, detectors, train, id_test, ood);
  RunScores scores;
  scores.knn_accuracy = knn_accuracy(train, id_test, study.k);
  scores.classifier_accuracy = study.train.loss == "ce" && arm != "finetune" ? accuracy(id_test) : std::nan("");
  for (const auto& [method, sets] : evaluation.results)
    for (const auto& [set, of_set] : sets) {
      scores.detections[method][set] = {of_set.paper.fpr95, of_set.paper.auroc};
      if (!of_set.flag.empty()) fmt::print("note: {} on {} of seed {}, {}: {}\n", method, set, seed, arm, of_set.flag);
    }
  return scores;
}

/// What a study looks at, as text that changes with it.
struct Sets {
  std::string images;   ///< trained on
  std::string judging;  ///< K and the sets that runs are judged by, a line each
};

/// Every set is opened before hours of training: misspelled, it would be found at the end.
Sets open_sets(const StudyOptions& study, const std::vector<NamedSpec>& ood) {
  const nn::Framing framing = framing_of(study.train);
  const auto train = nn::open_dataset(study.train.data, framing), test = nn::open_dataset(study.id_test, framing);
  CHECK(train->class_names() == test->class_names(), "the classes of --id-test {} are not those of --data {}", study.id_test,
        study.train.data);
  for (int64_t index = 0; index < test->size(); ++index)
    CHECK(test->label(index) >= 0, "{}: {} has no label; --id-test needs one for every image", study.id_test, test->image_name(index));
  CHECK(train->size() >= study.k, "--k {} of the {} training images of {}; choose a smaller one", study.k, train->size(), study.train.data);
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
  study.train.holdout = 0;
  return study;
}

int run_study(StudyOptions study) {
  if (study.train.preset == "list") {
    fmt::print("{}", describe_presets());
    return 0;
  }
  study.train = with_preset(study.train);
  study.train.preset.clear();
  std::vector<std::string> chosen = study.arms;
  if (chosen.empty()) chosen = study_arms();
  study.arms.clear();  // in their own order; base is where two others begin
  for (const std::string& arm : study_arms())
    if (std::find(chosen.begin(), chosen.end(), arm) != chosen.end() ||
        (arm == "base" && std::any_of(chosen.begin(), chosen.end(), goes_on)))
      study.arms.push_back(arm);
  std::vector<NamedSpec> ood;
  for (const std::string& text : study.ood) ood.push_back(parse_named_spec(text));
  check_study(study, ood);
  device_of(study.train.device);
  use_threads(study.train.threads);
  const Sets sets = open_sets(study, ood);
  ensure_writable_directory(study.train.out);
  const RunLock lock(study.train.out);
  nn::remove_unfinished(study.train.out);
  const InterruptGuard guard;

  Study table{.arms = study.arms, .methods = {"knn", "csd"}, .sets = {}, .seeds = study.seeds, .epochs = {}, .runs = {}};
  for (const NamedSpec& set : ood) table.sets.push_back(set.name);
  for (const std::string& arm : study.arms)
    table.epochs[arm] = goes_on(arm) ? fmt::format("{} + {}", study.train.epochs, study.extra_epochs) : std::to_string(study.train.epochs);
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
          fs::remove(path);  // never the scores of other sets beside these settings
          nn::write_file(judged, judging());
          nn::write_file(path, scores_to_csv(scores));
          if (guard.interrupted()) status = status_interrupted;
        }
        if (status != 0) {
          fmt::print("interrupted; the same mode study command goes on from here\n");
          return status;
        }
      }
      const RunScores& scores = table.runs[arm][seed] = scores_from_csv(text_of(path), path);
      for (const std::string& method : table.methods)
        for (const std::string& set : table.sets)
          CHECK(scores.detections.count(method) == 1 && scores.detections.at(method).count(set) == 1,
                "{} lacks {} on {}; delete it to have the run judged again", path, method, set);
    }
  nn::write_file(study.train.out + "/study.csv", study_to_csv(table));
  fmt::print("\n{}, loss {}, K = {} for both methods\n{}\nscores     {}/study.csv\n", study.train.arch, study.train.loss, study.k,
             format_study(table), study.train.out);
  return 0;
}

}  // namespace mode::tools
