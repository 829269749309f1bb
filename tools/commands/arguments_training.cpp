// The command lines of mode train, finetune and study, generated from the table of training options (mode/training/options.h).
#include <CLI/CLI.hpp>

#include "nn/text.h"
#include "tools/commands/argument_parts.h"

namespace mode::tools {

namespace {

/// Help of a command by option name, where it differs from the table's.
using Help = std::map<std::string, std::string>;

/// Adds --NAME for a row of the table. A value goes through TrainOption::set, which throws OptionError.
void add_flag_or_option(CLI::App* command, TrainOptions& o, const TrainOption& option, const std::string& flag, const std::string& help,
                        const std::string& group) {
  const auto set = [&o, &option](const std::string& text) {
    option.set(o, text);
    o.given.insert(option.name);
  };
  if (option.type.empty()) {
    command
        ->add_flag_callback(
            flag, [set] { set("1"); }, help)
        ->group(group);
    return;
  }
  const auto join_and_set = [set](const std::vector<std::string>& words) { set(nn::joined(words, " ")); };
  CLI::Option* added = option.values == 1 ? command->add_option_function<std::string>(flag, set, help)
                                          : command->add_option_function<std::vector<std::string>>(flag, join_and_set, help);
  added->expected(static_cast<int>(option.values))->type_name(option.type)->group(group);
  if (const std::string text = option.text(o); !text.empty()) added->default_str(text);
}

/// Adds the named options, in the table's order.
void add_options(CLI::App* command, TrainOptions& o, const std::set<std::string>& names, const Help& help = {}) {
  for (const TrainOption& option : train_options()) {
    if (names.count(option.name) == 0) continue;
    const auto own = help.find(option.name);
    add_flag_or_option(command, o, option, "--" + option.name, own == help.end() ? option.help : own->second, option.group);
    if (!option.earlier.empty()) add_flag_or_option(command, o, option, "--" + option.earlier, "", /*hidden*/ "");
    if (option.name == "augment")
      command
          ->add_flag_callback(
              "--no-augment",
              [&o] {
                o.augment = "none";
                o.given.insert("augment");
              },
              "")
          ->group("");
  }
}

std::set<std::string> all_but(const std::set<std::string>& left_out) {
  std::set<std::string> names;
  for (const TrainOption& option : train_options())
    if (left_out.count(option.name) == 0) names.insert(option.name);
  return names;
}

}  // namespace

CLI::App* add_train(CLI::App& app, TrainOptions& o) {
  CLI::App* command = app.add_subcommand("train", "training of a residual network on labeled images");
  add_options(command, o, all_but({"from", "alpa-by-image"}));
  example(
      command,
      "mode train --data cifar10:DIR --arch resnet20 --epochs 30 --out runs/resnet20\n"
      "  mode train --data cifar10:DIR --preset cifar10-ce --batch 128 --lr 0.05 --out runs/base\n"
      "  mode train --data folder:DIR --schedule step --milestones 30,60 --gamma 0.1 --out runs/step\n"
      "  mode train --data folder:DIR --nesterov --no-decay-norm-bias --label-smoothing 0.1 --clip 5 \\\n      --out runs/a\n"
      "  mode train --data folder:DIR --size 64 --crop center --short-side 72 --augment imagenet --read-size 96 \\\n      --out runs/b\n"
      "  mode train --data folder:DIR --val-fraction 0.1 --patience 10 --save-every 10m --out runs/c\n"
      "  mode train --data cifar10:DIR --loss supcon --augment contrastive --alpa joint --out runs/mode-t\n"
      "  mode train --resume --out runs/c\n"
      "Presets: " +
          nn::joined(known_presets()));
  return command;
}

CLI::App* add_finetune(CLI::App& app, TrainOptions& o) {
  CLI::App* command = app.add_subcommand("finetune", "fine-tuning of a trained network with ALPA alone (MODE-F)");
  add_options(command, o,
              all_but({"alpa", "alpa-by-image", "alpa-weight", "crop", "label-smoothing", "loss", "loss-scale", "monitor", "patience",
                       "short-side", "shortcut", "size", "stem", "temperature", "val-fraction", "val-seed"}),
              {{"from", "safetensors file of the network; its input and validation split are kept"},
               {"preset", "named set of options: mode-f, or list to print all; flags override it"},
               {"arch", "network name, for weights without metadata (resnet20, resnet18, ...)"},
               {"mean", "mean per channel of pixels in 0 .. 1, for weights without metadata"},
               {"std", "standard deviation per channel, for weights without metadata"},
               {"seed", "random seed of ALPA's heads, image order and augmentation"},
               {"views", "augmented views per image; 0: 2 after supcon and simclr, else 1"}});
  example(command, "mode finetune --from runs/base/model.safetensors --data cifar10:DIR --epochs 100 --out runs/mode-f");
  return command;
}

CLI::App* add_study(CLI::App& app, StudyOptions& study) {
  TrainOptions& o = study.train;
  CLI::App* command = app.add_subcommand("study", "comparison of ALPA with further training without it, over seeds");
  command->add_option("--id-test", study.id_test, "labeled test images of the training classes");
  command->add_option("--ood", study.ood, "out-of-distribution test images as NAME=SPEC; repeatable");
  command->add_option("--arms", study.arms, "arms: base, extra, joint (MODE-T), finetune (MODE-F); default: all")
      ->delimiter(',')
      ->check(CLI::IsMember(study_arms()));
  command->add_option("--seeds", study.seeds, "random seeds, one run of each arm per seed")->delimiter(',')->capture_default_str();
  command->add_option("--extra-epochs", study.extra_epochs, "epochs of extra and finetune after those of base")
      ->check(CLI::Range(1, 1000000));
  command->add_option("--extra-lr", study.extra_lr, "peak learning rate of extra and finetune")
      ->check(positive_number())
      ->capture_default_str();
  command->add_option("--k", study.k, "neighbor whose distance is the score, for both detectors")
      ->check(CLI::Range(1, 1024))
      ->capture_default_str();
  add_options(command, o,
              all_but({"alpa", "alpa-by-image", "from", "gamma", "milestones", "monitor", "patience", "resume", "seed", "val-fraction",
                       "val-seed"}),
              {{"data", "labeled training images, and the detectors' bank"},
               {"out", "directory of the study; the same command resumes it"},
               {"preset", "named set of options without ALPA, or list to print all"},
               {"epochs", "number of epochs of base and joint"},
               {"schedule", "schedule, evaluated per step: cosine, constant"},
               {"loss", "base loss: ce, supcon, simclr"}});
  example(command,
          "mode study --data cifar10:DIR --id-test 'cifar10:DIR?split=test' --ood textures=folder:DIR \\\n"
          "    --arch resnet20 --epochs 30 --extra-epochs 10 --out runs/study");
  return command;
}

}  // namespace mode::tools
