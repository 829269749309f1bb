#include "mode/training/options.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>

#include "nn/data/augment.h"
#include "nn/resnet.h"
#include "nn/text.h"
#include "tensor/device.h"

namespace mode {
namespace {

// Text of one value, and a value of its text; false: not of this type.

std::string to_text(const std::string& value) { return value; }
std::string to_text(bool value) { return value ? "1" : "0"; }
std::string to_text(const std::optional<uint64_t>& value) { return value ? std::to_string(*value) : ""; }
template <class Number>
std::string to_text(const Number& value) {
  return fmt::format("{}", value);
}
template <class Number>
std::string to_text(const std::vector<Number>& values) {
  return nn::joined(values, " ");
}

bool from_text(const std::string& text, std::string& value) {
  value = text;
  return true;
}
bool from_text(const std::string& text, bool& value) {
  value = text == "1";
  return text == "0" || text == "1";
}
template <class Number>
bool from_text(const std::string& text, Number& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size();
}
bool from_text(const std::string& text, std::optional<uint64_t>& value) {
  value.emplace();
  if (text.empty()) value.reset();
  return text.empty() || from_text(text, *value);
}
template <class Number>
bool from_text(const std::string& text, std::vector<Number>& values) {
  values.clear();
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find_first_of(" ,", begin), text.size());
    Number value{};
    if (!from_text(text.substr(begin, end - begin), value)) return false;
    values.push_back(value);
    begin = end + 1;
  }
  return true;
}

/// least <= x <= most, or least < x.
struct Range {
  double least, most = std::numeric_limits<double>::infinity();
  bool open = false;  ///< least is excluded
  bool holds(double x) const { return std::isfinite(x) && (open ? x > least : x >= least) && x <= most; }
  std::string text() const {
    if (std::isfinite(most)) return fmt::format("{} .. {}", least, static_cast<int64_t>(most));
    return std::isfinite(least) ? fmt::format("{} {}", open ? ">" : ">=", least) : "";
  }
};
constexpr Range positive = {.least = 0, .open = true}, from_zero = {.least = 0}, share = {.least = 0, .most = 1};
constexpr Range any_number = {.least = -std::numeric_limits<double>::infinity()};
constexpr Range counts = {.least = 1, .most = 1'000'000}, counts_or_0 = {.least = 0, .most = 1'000'000};

bool all_in(const Range& range, double value) { return range.holds(value); }
template <class Number>
bool all_in(const Range& range, const std::vector<Number>& values) {
  return std::all_of(values.begin(), values.end(), [&](Number value) { return range.holds(static_cast<double>(value)); });
}

/// The part that all types share. `assign` returns false for a text that is no value.
template <class T, class Assign>
TrainOption row(const char* name, T TrainOptions::*field, const std::string& help, const std::string& type, const std::string& expected,
                const Assign& assign) {
  TrainOption option;
  option.name = name;
  option.help = help;
  option.type = type;
  option.text = [field](const TrainOptions& o) { return to_text(o.*field); };
  option.set = [=, name = option.name](TrainOptions& o, const std::string& text) {
    T value{};
    if (!assign(text, value)) throw OptionError(fmt::format("--{} {}: expected {}", name, nn::printable(text), expected));
    o.*field = value;
  };
  return option;
}

TrainOption text(const char* name, std::string TrainOptions::*field, const std::string& help) {
  return row(name, field, help, "TEXT", "text", [](const std::string& word, std::string& value) { return from_text(word, value); });
}

TrainOption flag(const char* name, bool TrainOptions::*field, const std::string& help) {
  return row(name, field, help, "", "0 or 1", [](const std::string& word, bool& value) { return from_text(word, value); });
}

template <class T>
TrainOption number(const char* name, T TrainOptions::*field, const Range& range, const std::string& help) {
  constexpr bool real = std::is_same_v<T, double> || std::is_same_v<T, std::vector<double>>;
  const std::string expected =
      fmt::format("a {} number{}{}", real ? "finite" : "whole", std::isfinite(range.most) ? " in " : " ", range.text());
  return row(name, field, range.text().empty() ? help : fmt::format("{} ({})", help, range.text()), real ? "FLOAT" : "INT", expected,
             [range](const std::string& word, T& value) { return from_text(word, value) && all_in(range, value); });
}

template <class T>
TrainOption seed(const char* name, T TrainOptions::*field, const std::string& help) {
  return row(name, field, help, "INT", "a whole number >= 0", [](const std::string& word, T& value) { return from_text(word, value); });
}

/// One word of an enum's names; the help lists them.
template <class Enum>
TrainOption choice(const char* name, Enum TrainOptions::*field, const nn::Names<Enum>& names, const std::string& help) {
  TrainOption option;
  option.name = name;
  option.help = fmt::format("{}: {}", help, nn::known_names(names));
  option.type = "TEXT";
  option.text = [field, &names](const TrainOptions& o) { return nn::name_of(o.*field, names); };
  option.set = [field, &names, name = option.name](TrainOptions& o, const std::string& text) {
    const auto value = nn::value_of(text, names);
    if (!value) throw OptionError(fmt::format("--{} {}: expected {}", name, nn::printable(text), nn::known_names(names)));
    o.*field = *value;
  };
  return option;
}

TrainOption unrecorded(TrainOption option) {
  option.recorded = false;
  return option;
}
TrainOption renamed(TrainOption option, const char* earlier) {
  option.earlier = earlier;
  return option;
}
/// Any number of values: 30,60 or 30 60.
TrainOption several(TrainOption option) {
  option.values = -1;
  return option;
}
/// Three numbers, one per color channel, or none.
TrainOption per_channel(TrainOption option) {
  option.values = 3;
  option.set = [set = option.set, text = option.text, name = option.name](TrainOptions& o, const std::string& words) {
    set(o, words);
    const std::string values = text(o);
    const auto blanks = std::count(values.begin(), values.end(), ' ');
    if (!values.empty() && blanks != 2) throw OptionError(fmt::format("--{} {}: expected three numbers", name, nn::printable(words)));
  };
  return option;
}

const nn::Names<AlpaUse>& alpa_uses() {
  static const nn::Names<AlpaUse> names = {{"off", AlpaUse::off}, {"joint", AlpaUse::joint}};
  return names;
}

TrainOption augmentation() {
  TrainOption option = text("augment", &TrainOptions::augment, "augmentation: " + nn::joined(nn::known_augments()));
  option.set = [](TrainOptions& o, const std::string& word) {
    const auto& known = nn::known_augments();
    if (std::find(known.begin(), known.end(), word) == known.end())
      throw OptionError(fmt::format("--augment {}: expected {}", nn::printable(word), nn::joined(known)));
    o.augment = word;
  };
  return option;
}

TrainOption save_interval() {
  TrainOption option = text("save-every", &TrainOptions::save_every, "interval of saves within an epoch: 500 (steps) or 10m (minutes)");
  option.set = [](TrainOptions& o, const std::string& word) {
    parse_save_every(word);
    o.save_every = word;
  };
  return option;
}

TrainOption compute_device() {
  TrainOption option = unrecorded(text("device", &TrainOptions::device, "compute device: cpu, cuda (the first GPU) or cuda:N"));
  option.set = [](TrainOptions& o, const std::string& word) {
    if (!tensor::is_device_name(word)) throw OptionError(fmt::format("--device {}: expected cpu, cuda or cuda:N", nn::printable(word)));
    o.device = word;
  };
  return option;
}

using O = TrainOptions;

std::vector<TrainOption> make_table() {
  std::vector<TrainOption> table;
  const auto group = [&](const char* name, std::vector<TrainOption> options) {
    for (TrainOption& option : options) {
      option.group = name;
      table.push_back(std::move(option));
    }
  };
  group("Run", {
                   text("data", &O::data, "labeled training images"),
                   unrecorded(text("out", &O::out, "directory of the run: log.csv and model, best, state .safetensors")),
                   text("from", &O::from, "safetensors file of the network to start from"),
                   text("preset", &O::preset, "named set of options, or list to print all; flags override it"),
                   text("arch", &O::arch, "network: resnet8 .. resnet56, resnet18, resnet34, resnet50, resnet101"),
                   choice("stem", &O::stem, nn::stem_names(), "first layers (3x3, or 7x7 and max pool)"),
                   choice("shortcut", &O::shortcut, nn::shortcut_names(), "shortcut of a block that changes the shape"),
                   number("epochs", &O::epochs, counts, "number of epochs"),
                   number("batch", &O::batch, counts, "images per step"),
                   seed("seed", &O::seed, "random seed of weights, image order and augmentation"),
                   unrecorded(flag("resume", &O::resume, "continuation of the run in --out with its own options, bit by bit")),
                   compute_device(),
                   unrecorded(number("threads", &O::threads, {.least = 0, .most = 1024}, "CPU threads; 0: all. No effect on results")),
               });
  group("Learning rate", {
                             number("lr", &O::lr, positive, "peak learning rate"),
                             choice("schedule", &O::schedule, nn::schedule_names(), "schedule, evaluated per step"),
                             number("final-ratio", &O::final_ratio, share, "final learning rate of cosine, as a fraction of --lr"),
                             several(number("milestones", &O::milestones, counts, "epochs of the decays of step, as in 100,150")),
                             number("gamma", &O::gamma, share, "factor of each decay of step"),
                             number("warmup-epochs", &O::warmup_epochs, counts_or_0, "epochs of linear warm-up"),
                             number("warmup-start", &O::warmup_start, from_zero, "learning rate at the start of the warm-up, at most --lr"),
                         });
  group("Optimizer (SGD)", {
                               number("momentum", &O::momentum, share, "momentum"),
                               flag("nesterov", &O::nesterov, "Nesterov momentum"),
                               number("weight-decay", &O::weight_decay, from_zero, "L2 penalty added to the gradient"),
                               flag("no-decay-norm-bias", &O::no_decay_norm_bias, "no weight decay of biases and BatchNorm parameters"),
                               number("clip", &O::clip, from_zero, "maximum norm of the whole gradient; 0: no clipping"),
                           });
  group("Objective",
        {
            choice("loss", &O::loss, base_losses(), "base loss"),
            number("label-smoothing", &O::label_smoothing, share, "share of the target spread over all classes, for ce"),
            number("temperature", &O::temperature, positive, "temperature of supcon and simclr"),
            number("loss-scale", &O::loss_scale, positive, "factor of supcon and simclr"),
            number("views", &O::views, {.least = 0, .most = 256}, "augmented views per image; 0: 2 for supcon and simclr, else 1"),
            choice("alpa", &O::alpa, alpa_uses(), "ALPA, added to the base loss (MODE-T)"),
            number("alpa-weight", &O::alpa_weight, positive, "weight lambda of ALPA"),
            number("alpa-temperature", &O::alpa_temperature, positive, "temperature of ALPA"),
            choice("alpa-aggregate", &O::alpa_aggregate, alpa_aggregates(), "aggregate over an image's regions"),
            number("alpa-grid", &O::alpa_grid, {.least = 1, .most = 64}, "largest number of regions per edge of the feature map"),
            flag("alpa-labels", &O::alpa_labels, "ALPA positives by label instead of by image, for simclr"),
            renamed(flag("alpa-by-image", &O::alpa_by_image, "ALPA positives by image"), "alpa-by-picture"),
        });
  group("Images",
        {
            number("size", &O::size, {.least = 1, .most = 4096}, "edge of the network's input in pixels"),
            choice("crop", &O::crop, nn::crop_names(), "framing of images that are not square"),
            number("short-side", &O::short_side, {.least = 0, .most = 8192}, "short side in pixels before the center crop; 0: --size"),
            number("read-size", &O::read_size, {.least = 0, .most = 4096}, "edge in pixels before augmentation; 0: --size"),
            augmentation(),
            per_channel(number("mean", &O::mean, any_number, "mean per channel of pixels in 0 .. 1; default: measured")),
            per_channel(number("std", &O::std, positive, "standard deviation per channel; default: measured")),
            unrecorded(number("workers", &O::workers, {.least = 0, .most = 64}, "loader threads; 0: --threads. No effect on results")),
        });
  group("Validation and saving",
        {
            renamed(number("val-fraction", &O::val_fraction, share, "share of each class in the validation split, which selects the epoch"),
                    "holdout"),
            renamed(seed("val-seed", &O::val_seed, "random seed of the validation split; default: --seed"), "holdout-seed"),
            number("patience", &O::patience, counts_or_0, "epochs without improvement before the run ends; 0: no limit"),
            renamed(text("monitor", &O::monitor, "labeled images evaluated and reported after each epoch, without other use"), "val"),
            save_interval(),
        });
  return table;
}

}  // namespace

const std::vector<TrainOption>& train_options() {
  static const std::vector<TrainOption> table = make_table();
  return table;
}

std::map<std::string, std::string> options_to_text(const TrainOptions& options) {
  std::map<std::string, std::string> text;
  for (const TrainOption& option : train_options())
    if (option.recorded) text[option.name] = option.text(options);
  return text;
}

void options_from_text(const std::map<std::string, std::string>& text, TrainOptions& options) {
  for (const TrainOption& option : train_options())
    for (const std::string& name : {option.earlier, option.name})
      if (const auto found = text.find(name); found != text.end() && option.recorded) option.set(options, found->second);
}

void check_options(const TrainOptions& o) {
  const auto need = [](bool holds, const std::string& message) {
    if (!holds) throw OptionError(message);
  };
  for (const TrainOption& option : train_options()) {  // the ranges, for options that no text has set
    TrainOptions scratch;
    option.set(scratch, option.text(o));
  }
  const std::string loss = nn::name_of(o.loss, base_losses()), milestones = nn::joined(o.milestones, ",");
  const bool classifies = o.loss == BaseLoss::cross_entropy, contrastive = is_contrastive(o.loss), alpa = o.alpa != AlpaUse::off;
  const bool step = o.schedule == nn::Schedule::Kind::step, center = o.crop == nn::Crop::center, augments = o.augment != "none";
  const int64_t views = views_of(o);
  need(o.loss != BaseLoss::none || alpa, "--loss none needs --alpa joint; without both there is no loss");
  need(o.loss != BaseLoss::simclr || views >= 2, fmt::format("--views {}: simclr compares views of an image; use at least 2", o.views));
  need(!o.alpa_by_image || views >= 2,
       fmt::format("--views {}: ALPA's positives after simclr are views of the same image; use at least 2, or --alpa-labels", o.views));
  need(views == 1 || augments, "--views needs an --augment; without one all views of an image are equal");
  need(o.patience == 0 || classifies, fmt::format("--patience needs a classifier, and --loss {} trains none; use --loss ce", loss));
  need(o.monitor.empty() || classifies, fmt::format("--monitor needs a classifier, and --loss {} trains none; use mode probe", loss));
  need(o.label_smoothing == 0 || classifies, fmt::format("--label-smoothing belongs to --loss ce, not to --loss {}", loss));
  need(!step || !o.milestones.empty(), "--schedule step needs --milestones, for example --milestones 100,150 (epochs)");
  need(step || o.milestones.empty(),
       fmt::format("--milestones belong to --schedule step, not to {}", nn::name_of(o.schedule, nn::schedule_names())));
  need(std::is_sorted(o.milestones.begin(), o.milestones.end()), fmt::format("--milestones {}: expected ascending epochs", milestones));
  need(o.milestones.empty() || o.milestones.back() < o.epochs,
       fmt::format("--milestones {}: the run ends after {} epochs", milestones, o.epochs));
  need(o.warmup_epochs <= o.epochs, fmt::format("--warmup-epochs {} exceed --epochs {}", o.warmup_epochs, o.epochs));
  need(!o.nesterov || o.momentum > 0, "--nesterov needs a --momentum above 0");
  need(o.momentum < 1, "--momentum 1: expected a number below 1");
  need(center || o.short_side == 0, "--short-side belongs to --crop center");
  need(o.short_side == 0 || o.short_side >= o.size, fmt::format("--short-side {} is less than --size {}", o.short_side, o.size));
  need(o.read_size == 0 || o.read_size >= o.size, fmt::format("--read-size {} is less than --size {}", o.read_size, o.size));
  need(o.read_size == 0 || augments, "--read-size needs an --augment, which crops images of --size from larger ones");
  need(o.mean.empty() == o.std.empty(), "--mean and --std belong together: give three numbers for each");
  need(o.val_fraction < 1, "--val-fraction 1: no training image is left; use a number below 1");
  need(o.patience == 0 || o.val_fraction > 0, "--patience needs a validation split; use --val-fraction above 0");
  for (const char* name : {"temperature", "loss-scale"})
    need(o.given.count(name) == 0 || contrastive, fmt::format("--{} belongs to --loss supcon and simclr", name));
  for (const char* name : {"alpa-weight", "alpa-temperature", "alpa-aggregate", "alpa-grid", "alpa-labels"})
    need(o.given.count(name) == 0 || alpa, fmt::format("--{} belongs to --alpa joint", name));
  need((classifies && !alpa) || o.batch * views >= 3,
       fmt::format("--batch {} with {} view{}: contrastive losses and ALPA need three in a batch; use a larger --batch", o.batch, views,
                   views == 1 ? "" : "s"));
}

uint64_t val_seed_of(const TrainOptions& o) { return o.val_seed.value_or(o.seed); }

nn::Framing framing_of(const TrainOptions& o) { return {o.size, o.crop, o.short_side}; }

int64_t views_of(const TrainOptions& o) { return o.views > 0 ? o.views : is_contrastive(o.loss) ? 2 : 1; }

ObjectiveOptions objective_of(const TrainOptions& o) {
  ObjectiveOptions objective;
  objective.base = o.loss;
  objective.label_smoothing = o.label_smoothing;
  objective.contrastive = {.inverse_temperature = 1 / o.temperature, .scale = o.loss_scale};
  objective.alpa_weight = o.alpa == AlpaUse::off ? 0 : o.alpa_weight;
  objective.alpa.aggregate = o.alpa_aggregate;
  objective.alpa.inverse_temperature = 1 / o.alpa_temperature;
  objective.alpa.grid = o.alpa_grid;
  objective.alpa_by_image = o.alpa_by_image || (o.loss == BaseLoss::simclr && !o.alpa_labels);
  return objective;
}

SaveEvery parse_save_every(const std::string& text) {
  SaveEvery every;
  if (text.empty()) return every;
  const bool minutes = text.back() == 'm';
  double value = 0;
  const bool is_number = from_text(minutes ? text.substr(0, text.size() - 1) : text, value) && std::isfinite(value) && value > 0;
  if (!is_number || (!minutes && (value != std::floor(value) || value > 1e9)))
    throw OptionError(fmt::format("--save-every {}: expected a number of steps (500) or minutes (10m)", nn::printable(text)));
  if (minutes)
    every.minutes = value;
  else
    every.steps = static_cast<int64_t>(value);
  return every;
}

}  // namespace mode
