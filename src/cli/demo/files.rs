//! The demo's config repository, carried in the binary: every file below `config/demo`, by its path there, but for the schemas,
//! which the binary makes itself.

macro_rules! file {
    ($path:literal) => {
        (
            $path,
            include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/config/demo/", $path)),
        )
    };
}

/// The folder of the schemas in the repository: what `driftless schema --output` writes.
pub const SCHEMAS: &str = ".driftless/schemas";

/// Path in the repository (with `/`) and content, in the order of the paths.
pub const FILES: &[(&str, &str)] = &[
    file!("README.md"),
    file!("datafold/ci/shop.yaml"),
    file!("datafold/data_sources/warehouse.yaml"),
    file!("datafold/monitors/freshness.yaml"),
    file!("datafold/monitors/orders.yaml"),
    file!("overrides/dev/datastores/lake/_datastore.yaml"),
    file!("overrides/dev/datastores/lake/checks/web_events_parquet/existsin__customer_id.yaml"),
    file!("overrides/dev/datastores/warehouse/_datastore.yaml"),
    file!("overrides/dev/datastores/warehouse/checks/orders/existsin__customer_id.yaml"),
    file!("overrides/dev/datastores/warehouse/checks/orders/freshness.yaml"),
    file!("overrides/dev/datastores/warehouse/checks/orders/volumetric.yaml"),
    file!("overrides/dev/datastores/warehouse/checks/payments/aggregationcomparison__amount.yaml"),
    file!("overrides/dev/datastores/warehouse/checks/shipments/freshness.yaml"),
    file!("overrides/prod/datastores/lake/_datastore.yaml"),
    file!("overrides/prod/datastores/warehouse/_datastore.yaml"),
    file!("overrides/prod/datastores/warehouse/checks/orders/between__order_total.yaml"),
    file!("overrides/prod/datastores/warehouse/checks/orders/existsin__customer_id.yaml"),
    file!("overrides/prod/datastores/warehouse/checks/orders/freshness.yaml"),
    file!("overrides/prod/datastores/warehouse/checks/payments/freshness.yaml"),
    file!("overrides/prod/datastores/warehouse/checks/payments/volumetric.yaml"),
    file!("overrides/prod/datastores/warehouse/checks/shipments/matchespattern__tracking_number.yaml"),
    file!("overrides/staging/datastores/warehouse/_datastore.yaml"),
    file!("overrides/staging/datastores/warehouse/checks/customers/matchespattern__email.yaml"),
    file!("overrides/staging/datastores/warehouse/checks/orders/freshness.yaml"),
    file!("overrides/staging/datastores/warehouse/checks/orders/volumetric.yaml"),
    file!("qualytics-config/connections/lake_s3.yaml"),
    file!("qualytics-config/connections/warehouse_pg.yaml"),
    file!("qualytics-config/datastores/lake/_datastore.yaml"),
    file!("qualytics-config/datastores/lake/checks/carrier_rates_csv/maxvalue__rate.yaml"),
    file!("qualytics-config/datastores/lake/checks/marketing_spend_csv/notfuture__spend_day.yaml"),
    file!("qualytics-config/datastores/lake/checks/marketing_spend_csv/notnegative__spend_value.yaml"),
    file!("qualytics-config/datastores/lake/checks/purchase_events/notnull__customer_id_product_id.yaml"),
    file!("qualytics-config/datastores/lake/checks/supplier_catalog_csv/existsin__sku.yaml"),
    file!("qualytics-config/datastores/lake/checks/supplier_catalog_csv/istype__lead_time_days.yaml"),
    file!("qualytics-config/datastores/lake/checks/supplier_catalog_csv/unique__sku_supplier_key.yaml"),
    file!("qualytics-config/datastores/lake/checks/web_events_parquet/existsin__customer_id.yaml"),
    file!("qualytics-config/datastores/lake/checks/web_events_parquet/expectedvalues__event_type.yaml"),
    file!("qualytics-config/datastores/lake/checks/web_events_parquet/notnull__event_id_session_id.yaml"),
    file!("qualytics-config/datastores/lake/containers/marketing_spend_csv/computed_fields/spend_day.yaml"),
    file!("qualytics-config/datastores/lake/containers/marketing_spend_csv/computed_fields/spend_value.yaml"),
    file!("qualytics-config/datastores/lake/containers/purchase_events/_container.yaml"),
    file!("qualytics-config/datastores/lake/containers/supplier_catalog_csv/computed_fields/supplier_key.yaml"),
    file!("qualytics-config/datastores/warehouse/_datastore.yaml"),
    file!("qualytics-config/datastores/warehouse/checks/customers/anynotnull__email_phone.yaml"),
    file!("qualytics-config/datastores/warehouse/checks/customers/expectedvalues__segment.yaml"),
    file!("qualytics-config/datastores/warehouse/checks/customers/fieldcount.yaml"),
    file!("qualytics-config/datastores/warehouse/checks/customers/matchespattern__country_code.yaml"),
    file!("qualytics-config/datastores/warehouse/checks/customers/matchespattern__email.yaml"),
    file!("qualytics-config/datastores/warehouse/checks/customers/maxlength__full_name.yaml"),
    file!("qualytics-config/datastores/warehouse/checks/customers/notempty__email_domain.yaml"),
    file!("qualytics-config/datastores/warehouse/checks/customers/notfuture__created_at.yaml"),
    file!("qualytics-config/datastores/warehouse/checks/customers/notnull__customer_id.yaml"),
    file!("qualytics-config/datastores/warehouse/checks/customers/unique__customer_id.yaml"),
    file!("qualytics-config/datastores/warehouse/checks/daily_revenue/between__average_order_value.yaml"),
    file!("qualytics-config/datastores/warehouse/checks/daily_revenue/unique__currency_revenue_date.yaml"),
    file!("qualytics-config/datastores/warehouse/checks/inventory/notnegative__quantity_on_hand.yaml"),
    file!(
        "qualytics-config/datastores/warehouse/checks/inventory/satisfiesexpression__quantity_on_hand_reserved_quantity.yaml"
    ),
    file!("qualytics-config/datastores/warehouse/checks/order_items/between__discount.yaml"),
    file!("qualytics-config/datastores/warehouse/checks/order_items/existsin__order_id.yaml"),
    file!("qualytics-config/datastores/warehouse/checks/order_items/existsin__product_id.yaml"),
    file!("qualytics-config/datastores/warehouse/checks/order_items/greaterthan__quantity.yaml"),
    file!(
        "qualytics-config/datastores/warehouse/checks/order_items/satisfiesexpression__discount_line_total_quantity_unit_price.yaml"
    ),
    file!("qualytics-config/datastores/warehouse/checks/order_items/unique__order_id_product_id.yaml"),
    file!("qualytics-config/datastores/warehouse/checks/orders/between__order_total.yaml"),
    file!("qualytics-config/datastores/warehouse/checks/orders/existsin__customer_id.yaml"),
    file!("qualytics-config/datastores/warehouse/checks/orders/expectedschema.yaml"),
    file!("qualytics-config/datastores/warehouse/checks/orders/expectedvalues__status.yaml"),
    file!("qualytics-config/datastores/warehouse/checks/orders/freshness.yaml"),
    file!("qualytics-config/datastores/warehouse/checks/orders/lessthanfield__placed_at.yaml"),
    file!("qualytics-config/datastores/warehouse/checks/orders/minvalue__item_count.yaml"),
    file!("qualytics-config/datastores/warehouse/checks/orders/notfuture__placed_at.yaml"),
    file!("qualytics-config/datastores/warehouse/checks/orders/notnegative__net_total.yaml"),
    file!("qualytics-config/datastores/warehouse/checks/orders/notnull__customer_id_order_id.yaml"),
    file!("qualytics-config/datastores/warehouse/checks/orders/requiredvalues__sales_channel.yaml"),
    file!("qualytics-config/datastores/warehouse/checks/orders/satisfiesexpression__order_total_tax_total.yaml"),
    file!("qualytics-config/datastores/warehouse/checks/orders/unique__order_id.yaml"),
    file!("qualytics-config/datastores/warehouse/checks/orders/volumetric.yaml"),
    file!(
        "qualytics-config/datastores/warehouse/checks/orders_with_payments/satisfiesexpression__order_total_payment_amount.yaml"
    ),
    file!("qualytics-config/datastores/warehouse/checks/payments/aggregationcomparison__amount.yaml"),
    file!("qualytics-config/datastores/warehouse/checks/payments/existsin__order_id.yaml"),
    file!("qualytics-config/datastores/warehouse/checks/payments/expectedvalues__method.yaml"),
    file!("qualytics-config/datastores/warehouse/checks/payments/metric__amount.yaml"),
    file!("qualytics-config/datastores/warehouse/checks/payments/notnull__amount_order_id_payment_id.yaml"),
    file!("qualytics-config/datastores/warehouse/checks/payments/unique__provider_reference.yaml"),
    file!("qualytics-config/datastores/warehouse/checks/products/between__weight_grams.yaml"),
    file!("qualytics-config/datastores/warehouse/checks/products/distinctcount__category.yaml"),
    file!("qualytics-config/datastores/warehouse/checks/products/expectedvalues__currency.yaml"),
    file!("qualytics-config/datastores/warehouse/checks/products/matchespattern__sku.yaml"),
    file!("qualytics-config/datastores/warehouse/checks/products/positive__unit_price.yaml"),
    file!("qualytics-config/datastores/warehouse/checks/products/unique__sku.yaml"),
    file!("qualytics-config/datastores/warehouse/checks/returns/existsin__order_id.yaml"),
    file!("qualytics-config/datastores/warehouse/checks/returns/lessthan__refund_amount.yaml"),
    file!("qualytics-config/datastores/warehouse/checks/shipments/afterdatetime__shipped_at.yaml"),
    file!("qualytics-config/datastores/warehouse/checks/shipments/containsurl__tracking_url.yaml"),
    file!("qualytics-config/datastores/warehouse/checks/shipments/existsin__order_id.yaml"),
    file!("qualytics-config/datastores/warehouse/checks/shipments/freshness.yaml"),
    file!("qualytics-config/datastores/warehouse/checks/shipments/greaterthanfield__delivered_at.yaml"),
    file!("qualytics-config/datastores/warehouse/checks/shipments/minlength__tracking_number.yaml"),
    file!("qualytics-config/datastores/warehouse/containers/customers/computed_fields/email_domain.yaml"),
    file!("qualytics-config/datastores/warehouse/containers/daily_revenue/_container.yaml"),
    file!("qualytics-config/datastores/warehouse/containers/daily_revenue/computed_fields/average_order_value.yaml"),
    file!("qualytics-config/datastores/warehouse/containers/orders/computed_fields/net_total.yaml"),
    file!("qualytics-config/datastores/warehouse/containers/orders_with_payments/_container.yaml"),
    file!("qualytics-config/datastores/warehouse_enrichment/_datastore.yaml"),
];

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may stop")]
mod tests {
    use std::collections::BTreeMap;
    use std::fs;
    use std::path::{Path, PathBuf};

    use super::{FILES, SCHEMAS};

    fn below(root: &Path, folder: &Path, found: &mut BTreeMap<String, String>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path: PathBuf = entry.unwrap().path();
            if path.is_dir() {
                below(root, &path, found);
            } else {
                let name = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
                found.insert(name, fs::read_to_string(&path).unwrap());
            }
        }
    }

    #[test]
    fn the_binary_carries_the_whole_folder_and_nothing_else() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/demo");
        let mut folder = BTreeMap::new();
        below(&root, &root, &mut folder);
        folder.retain(|path, _| !path.starts_with(SCHEMAS));
        let carried: BTreeMap<String, String> = FILES
            .iter()
            .map(|(path, content)| ((*path).to_owned(), (*content).to_owned()))
            .collect();
        let missing: Vec<&String> = folder.keys().filter(|path| !carried.contains_key(*path)).collect();
        assert!(missing.is_empty(), "add these to FILES: {missing:?}");
        assert_eq!(carried, folder);
        assert!(FILES.is_sorted_by_key(|(path, _)| *path));
        assert_eq!(FILES.len(), carried.len(), "a path stands twice");
    }
}
